#pragma once
// A gateway with fake replicas and a fake store on real sockets, and a client at its door.

#include "engine/serving/gateway.h"
#include "engine/serving/gateway_channel.h"
#include "engine/serving/gateway_wire.h"
#include "tests/support/fake_shop.h"

#include <QtTest>
#include <condition_variable>

namespace test {

using namespace engine;

struct Reply
{
    grpc::Status status;
    inference::ModelInferResponse reply;
    double millis = 0;
    [[nodiscard]] std::string path() const { return textOf(reply, "path"); }
    [[nodiscard]] std::string target() const { return textOf(reply, "target"); }
};

inline inference::ModelInferRequest historyRequest()
{
    GatewayRequest request;
    request.rows = 1;
    request.columns = 2;
    request.history = {1, 2};
    request.k = 10;
    inference::ModelInferRequest out;
    writeInfer(request, kRecommend, out);
    return out;
}

inline inference::ModelInferRequest shopperRequest(std::int64_t shopper, std::int32_t h)
{
    inference::ModelInferRequest out;
    out.set_model_name("recommend");
    const auto add = [&](const char *name, const char *type) {
        auto *input = out.add_inputs();
        input->set_name(name);
        input->set_datatype(type);
        input->add_shape(1);
        return input->mutable_contents();
    };
    add("shopper", "INT64")->add_int64_contents(shopper);
    add("h", "INT32")->add_int_contents(h);
    add("k", "INT32")->add_int_contents(10);
    return out;
}

/// For tests in which nobody is silent: a busy host is no reason for a time-out.
inline GatewayOptions patient()
{
    GatewayOptions options;
    options.perTry = Micros{5'000'000};
    options.latest = Micros{20'000'000};
    options.storeSlice = Micros{5'000'000};
    return options;
}

/// A gateway with its replicas and its store, and a client at its door. Nothing here is judged by
/// the clock: counts, order and paths only, or waits with a generous limit.
class Bed
{
public:
    explicit Bed(int count, GatewayOptions options = patient(), bool standby = false,
                 PlainDesk plain = {})
    {
        setUpGrpcForDrills();
        for (int i = 1; i <= count; ++i) {
            replicas.push_back(std::make_unique<FakeReplica>("digest-a"));
            options.replicas.push_back(
                {"replica/" + std::to_string(i), replicas.back()->address()});
        }
        if (standby) {
            spare = std::make_unique<FakeReplica>("digest-b");
            options.standby.push_back({"standby/1", spare->address()});
        }
        options.store = store.address();
        std::vector<std::uint32_t> popular;
        for (std::uint32_t i = 0; i < 50; ++i)
            popular.push_back(i);
        auto started = Gateway::start(
            options, PopularityList(popular), systemClock(),
            [this](Payload payload) { note(std::move(payload)); }, std::move(plain));
        if (!started)
            qFatal("%s", started.error().text().c_str());
        gateway = std::move(*started);
        m_stub = inference::GRPCInferenceService::NewStub(
            resilientChannel("127.0.0.1:" + std::to_string(gateway->port())));
    }
    /// Until every replica answered its first probe.
    bool ready()
    {
        return QTest::qWaitFor(
            [this] {
                double up = 0;
                for (const auto &sample : collect().samples)
                    if (sample.series.ends_with(".up"))
                        up += sample.value;
                return up == static_cast<double>(replicas.size() + (spare ? 1 : 0));
            },
            30'000);
    }
    Window collect()
    {
        const auto window = gateway->collect(alignUp(systemClock().now()));
        for (const auto &sample : window.samples)
            totals[sample.series] += sample.value;
        return window;
    }
    double total(const std::string &series)
    {
        (void)collect();
        return totals[series];
    }
    Reply ask(const inference::ModelInferRequest &request, Micros deadline = Micros{30'000'000})
    {
        Reply out;
        grpc::ClientContext context;
        const auto start = systemClock().now();
        context.set_deadline(grpcTime(start + deadline));
        out.status = m_stub->ModelInfer(&context, request, &out.reply);
        out.millis = static_cast<double>((systemClock().now() - start).count()) / 1000;
        return out;
    }
    /// An open loop: `count` requests `gap` apart; waits for all of them.
    std::vector<Reply> load(int count, Micros gap, const std::function<void(int)> &before = {})
    {
        return load(
            count, gap, [](int) { return historyRequest(); }, before);
    }
    std::vector<Reply> load(int count, Micros gap,
                            const std::function<inference::ModelInferRequest(int)> &make,
                            const std::function<void(int)> &before)
    {
        struct Call
        {
            grpc::ClientContext context;
            inference::ModelInferRequest request;
            Reply result;
        };
        std::mutex mutex;
        std::condition_variable over;
        int left = count;
        std::vector<std::unique_ptr<Call>> calls;
        auto due = systemClock().now();
        for (int i = 0; i < count; ++i) {
            systemClock().waitUntil(due, {});
            if (before)
                before(i);
            auto &call = *calls.emplace_back(std::make_unique<Call>());
            call.request = make(i);
            call.context.set_deadline(grpcTime(due + Micros{30'000'000}));
            m_stub->async()->ModelInfer(
                &call.context, &call.request, &call.result.reply,
                [&, due, at = &call](const grpc::Status &status) {
                    at->result.status = status;
                    at->result.millis =
                        static_cast<double>((systemClock().now() - due).count()) / 1000;
                    const std::lock_guard lock(mutex);
                    if (--left == 0)
                        over.notify_all();
                });
            due += gap;
        }
        std::unique_lock lock(mutex);
        over.wait(lock, [&] { return left == 0; });
        std::vector<Reply> out;
        for (auto &call : calls)
            out.push_back(std::move(call->result));
        return out;
    }
    void setSwitch(const char *name, bool on)
    {
        auto switches = gateway->switches();
        if (!switches.set(name, on))
            qFatal("there is no switch %s", name);
        gateway->setSwitches(switches);
    }
    int events(const std::string &kind, bool active, const std::string &target = {})
    {
        const std::lock_guard lock(m_mutex);
        return static_cast<int>(std::ranges::count_if(m_events, [&](const ResponseChanged &event) {
            return event.kind == kind && event.active == active
                   && (target.empty() || event.target == target);
        }));
    }

    FakeStore store;
    std::vector<std::unique_ptr<FakeReplica>> replicas;
    std::unique_ptr<FakeReplica> spare;
    std::map<std::string, double> totals;
    std::unique_ptr<Gateway> gateway;

private:
    void note(Payload payload)
    {
        const std::lock_guard lock(m_mutex);
        m_events.push_back(std::get<ResponseChanged>(std::move(payload)));
    }
    std::unique_ptr<inference::GRPCInferenceService::Stub> m_stub;
    std::mutex m_mutex; ///< guards m_events
    std::vector<ResponseChanged> m_events;
};

inline int failures(const std::vector<Reply> &replies)
{
    return static_cast<int>(
        std::ranges::count_if(replies, [](const Reply &reply) { return !reply.status.ok(); }));
}

inline int slowerThan(const std::vector<Reply> &replies, double millis)
{
    return static_cast<int>(
        std::ranges::count_if(replies, [&](const Reply &reply) { return reply.millis > millis; }));
}

inline int onPath(const std::vector<Reply> &replies, const std::string &path)
{
    return static_cast<int>(
        std::ranges::count_if(replies, [&](const Reply &reply) { return reply.path() == path; }));
}

} // namespace test
