#pragma once
// Replicas, a store and a gateway of the test's own, speaking real gRPC on loopback ports, that do
// what they are told: answer, be late, fail, or be as silent as a stopped process.

#include "engine/base/clock.h"
#include "engine/proto/health.grpc.pb.h"
#include "engine/proto/kserve.grpc.pb.h"
#include "engine/proto/store.grpc.pb.h"

#include <algorithm>
#include <atomic>
#include <functional>
#include <grpcpp/alarm.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace test {

enum class Mood { Answers, Fails, Silent, Overloaded };

/// A call that ends when its caller gives up, as it would on a stopped process.
class SilentCall final : public grpc::ServerUnaryReactor
{
public:
    explicit SilentCall(std::atomic<int> *cancelled = nullptr) : m_cancelled(cancelled) {}
    void OnCancel() override
    {
        if (m_cancelled)
            ++*m_cancelled;
        Finish(grpc::Status::CANCELLED);
    }
    void OnDone() override { delete this; }

private:
    std::atomic<int> *m_cancelled;
};

/// A call that ends after a while. The alarm is held by its own callback until that has run.
inline grpc::ServerUnaryReactor *finishLater(grpc::CallbackServerContext *context,
                                             engine::Micros delay,
                                             std::atomic<int> *running = nullptr)
{
    auto *reactor = context->DefaultReactor();
    auto alarm = std::make_shared<grpc::Alarm>();
    alarm->Set(std::chrono::system_clock::now() + delay, [reactor, alarm, running](bool) mutable {
        const auto last = std::move(alarm);
        if (running)
            --*running;
        reactor->Finish(grpc::Status::OK);
    });
    return reactor;
}

class FakeReplica final : public inference::GRPCInferenceService::CallbackService
{
public:
    explicit FakeReplica(std::string digest, int port = 0) : m_digest(std::move(digest))
    {
        serve(port);
    }
    ~FakeReplica() override { stop(); }

    std::atomic<Mood> mood{Mood::Answers};
    std::atomic<std::int64_t> delayMicros{0};
    std::atomic<int> calls{0}, probes{0}, cancelled{0}, refused{0};
    std::atomic<int> failEvery{0}, silentEvery{0}; ///< each so many calls; 0 = none
    std::atomic<int> mostAtOnce{0};                ///< more are refused for overload; 0 = any
    std::atomic<bool> healthy{true};               ///< what the health service says
    std::atomic<std::int64_t> firstItem{100};
    std::atomic<std::int64_t> lastDeadlineMicros{0}; ///< left when the call came in
    std::atomic<std::int64_t> firstHistoryItem{-2};

    [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(m_port); }
    /// Like a kill: connections end, the port refuses.
    void stop()
    {
        if (m_server)
            m_server->Shutdown(std::chrono::system_clock::now());
        m_server.reset();
    }
    void serve(int port)
    {
        grpc::ServerBuilder builder;
        builder.RegisterService(this);
        builder.RegisterService(&m_health);
        builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PING_STRIKES, 0);
        builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
        builder.AddListeningPort("127.0.0.1:" + std::to_string(port),
                                 grpc::InsecureServerCredentials(), &m_port);
        m_server = builder.BuildAndStart();
        if (!m_server)
            std::abort();
    }
    void serveAgain() { serve(m_port); }

    grpc::ServerUnaryReactor *ModelInfer(grpc::CallbackServerContext *context,
                                         const inference::ModelInferRequest *request,
                                         inference::ModelInferResponse *reply) override
    {
        const int number = ++calls;
        lastDeadlineMicros = std::chrono::duration_cast<engine::Micros>(
                                 context->deadline() - std::chrono::system_clock::now())
                                 .count();
        auto now = mood.load();
        if (failEvery > 0 && number % failEvery == 0)
            now = Mood::Fails;
        if (silentEvery > 0 && number % silentEvery == 0)
            now = Mood::Silent;
        if (mostAtOnce > 0 && m_running >= mostAtOnce)
            now = Mood::Overloaded;
        refused += now == Mood::Overloaded;
        if (now == Mood::Silent)
            return new SilentCall(&cancelled);
        if (now != Mood::Answers) {
            auto *reactor = context->DefaultReactor();
            reactor->Finish({now == Mood::Fails ? grpc::StatusCode::UNAVAILABLE
                                                : grpc::StatusCode::RESOURCE_EXHAUSTED,
                             "told to"});
            return reactor;
        }
        answer(*request, *reply);
        if (const auto delay = delayMicros.load(); delay > 0) {
            ++m_running;
            return finishLater(context, engine::Micros{delay}, &m_running);
        }
        auto *reactor = context->DefaultReactor();
        reactor->Finish(grpc::Status::OK);
        return reactor;
    }

private:
    /// Items 100, 101, ... for every row: not what the popularity list says.
    void answer(const inference::ModelInferRequest &request, inference::ModelInferResponse &reply)
    {
        std::int64_t rows = 1, k = 10;
        for (const auto &input : request.inputs()) {
            if (input.name() == "history") {
                rows = input.shape(0);
                firstHistoryItem = input.contents().int64_contents(0);
            } else if (input.name() == "k") {
                k = input.contents().int_contents(0);
            }
        }
        auto *items = reply.add_outputs();
        items->set_name("items");
        items->set_datatype("INT64");
        auto *scores = reply.add_outputs();
        scores->set_name("scores");
        scores->set_datatype("FP32");
        for (auto *output : {items, scores}) {
            output->add_shape(rows);
            output->add_shape(k);
        }
        for (std::int64_t i = 0; i < rows * k; ++i) {
            items->mutable_contents()->add_int64_contents(firstItem + i % k);
            scores->mutable_contents()->add_fp32_contents(1);
        }
        (*reply.mutable_parameters())["digest"].set_string_param(m_digest);
        (*reply.mutable_parameters())["version"].set_string_param("7");
    }

    class Health final : public grpc::health::v1::Health::CallbackService
    {
    public:
        explicit Health(FakeReplica &replica) : m_replica(replica) {}
        grpc::ServerUnaryReactor *Check(grpc::CallbackServerContext *context,
                                        const grpc::health::v1::HealthCheckRequest *,
                                        grpc::health::v1::HealthCheckResponse *reply) override
        {
            ++m_replica.probes;
            if (m_replica.mood == Mood::Silent)
                return new SilentCall;
            reply->set_status(m_replica.healthy
                                  ? grpc::health::v1::HealthCheckResponse::SERVING
                                  : grpc::health::v1::HealthCheckResponse::NOT_SERVING);
            auto *reactor = context->DefaultReactor();
            reactor->Finish(grpc::Status::OK);
            return reactor;
        }

    private:
        FakeReplica &m_replica;
    };

    const std::string m_digest;
    std::atomic<int> m_running{0};
    int m_port = 0;
    Health m_health{*this};
    std::unique_ptr<grpc::Server> m_server;
};

class FakeStore final : public drillroom::v1::Store::CallbackService
{
public:
    FakeStore()
    {
        grpc::ServerBuilder builder;
        builder.RegisterService(this);
        builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PING_STRIKES, 0);
        builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &m_port);
        m_server = builder.BuildAndStart();
    }
    ~FakeStore() override { m_server->Shutdown(std::chrono::system_clock::now()); }
    [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(m_port); }

    std::atomic<Mood> mood{Mood::Answers};

    /// Event i of shopper s is item s + i.
    grpc::ServerUnaryReactor *History(grpc::CallbackServerContext *context,
                                      const drillroom::v1::HistoryRequest *request,
                                      drillroom::v1::HistoryReply *reply) override
    {
        if (mood == Mood::Silent)
            return new SilentCall;
        // Fewer if fewer are known, as a real one says it.
        for (std::uint32_t i = 0; i < std::min(request->h(), 1000u); ++i)
            reply->add_items(request->shopper() + i);
        return finish(context);
    }
    grpc::ServerUnaryReactor *Append(grpc::CallbackServerContext *context,
                                     const drillroom::v1::AppendRequest *request,
                                     drillroom::v1::AppendReply *) override
    {
        if (mood == Mood::Silent)
            return new SilentCall;
        const std::lock_guard lock(m_mutex);
        ++m_appends;
        if (mood == Mood::Answers)
            m_events[{request->shopper(), request->h()}] = request->item();
        return finish(context);
    }
    [[nodiscard]] int appends() const
    {
        const std::lock_guard lock(m_mutex);
        return m_appends;
    }
    [[nodiscard]] std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint32_t> events() const
    {
        const std::lock_guard lock(m_mutex);
        return m_events;
    }

private:
    grpc::ServerUnaryReactor *finish(grpc::CallbackServerContext *context)
    {
        auto *reactor = context->DefaultReactor();
        reactor->Finish(mood == Mood::Answers
                            ? grpc::Status::OK
                            : grpc::Status{grpc::StatusCode::UNAVAILABLE, "told to"});
        return reactor;
    }
    int m_port = 0;
    std::unique_ptr<grpc::Server> m_server;
    mutable std::mutex m_mutex; ///< guards what follows
    int m_appends = 0;
    std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint32_t> m_events;
};

} // namespace test
