#include "engine/serving/replica_service.h"

#include "engine/proto/kserve.grpc.pb.h"
#include "engine/serving/batcher.h"
#include "engine/serving/node_counters.h"
#include "engine/serving/node_server.h"
#include "engine/serving/replica_wire.h"

#include <cmath>
#include <deque>
#include <fmt/format.h>

namespace engine {
namespace {

namespace kserve = inference;
using Context = grpc::CallbackServerContext;
using Reactor = grpc::ServerUnaryReactor;

/// One ModelInfer from its arrival to its end; deletes itself in OnDone, which gRPC calls last.
class InferCall final : public Reactor
{
public:
    explicit InferCall(Batcher &batcher) : m_batcher(batcher) {}

    void start(const Clock &clock, NodeCounters &counters, const kserve::ModelInferRequest &request,
               kserve::ModelInferResponse &reply, std::optional<MonoTime> deadline)
    {
        const auto arrived = clock.now();
        const auto finish = [this, &clock, &counters, arrived](const grpc::Status &status) {
            counters.answered(clock.now() - arrived, status.ok());
            Finish(status);
        };
        auto read = readRecommend(request);
        if (!read)
            return finish(statusOf(read.error()));
        ScoreJob job;
        job.histories = std::move(read->histories);
        job.k = read->k;
        job.deadline = deadline;
        job.isCancelled = m_isCancelled;
        job.done = [finish, &request, &reply, k = read->k](Result<Scored> scored) {
            if (!scored)
                return finish(statusOf(scored.error()));
            writeRecommend(request, k, *scored, reply);
            finish(grpc::Status::OK);
        };
        m_batcher.submit(std::move(job));
    }

private:
    void OnCancel() override
    {
        m_isCancelled->store(true, std::memory_order_relaxed);
        // Finishing inside this callback is allowed: OnDone comes only after it returned.
        m_batcher.dropCancelled();
    }
    void OnDone() override { delete this; }
    Batcher &m_batcher;
    std::shared_ptr<std::atomic<bool>> m_isCancelled = std::make_shared<std::atomic<bool>>(false);
};

} // namespace

class ReplicaService::Service final : public kserve::GRPCInferenceService::CallbackService
{
public:
    Service(ReplicaSettings settings, ScorerSource source, const Clock &clock)
        : m_settings(std::move(settings)), m_model(std::move(source)), m_clock(clock),
          m_batcher(
              clock, [this] { return m_model.current(); }, m_settings.threads),
          m_loader([this](std::stop_token stop) { runLoads(stop); })
    {
    }

    Reactor *ServerLive(Context *context, const kserve::ServerLiveRequest *,
                        kserve::ServerLiveResponse *reply) override
    {
        reply->set_live(true);
        return finish(context);
    }

    Reactor *ServerReady(Context *context, const kserve::ServerReadyRequest *,
                         kserve::ServerReadyResponse *reply) override
    {
        reply->set_ready(m_model.current() != nullptr);
        return finish(context);
    }

    Reactor *ModelReady(Context *context, const kserve::ModelReadyRequest *request,
                        kserve::ModelReadyResponse *reply) override
    {
        const auto status = named(request->name(), request->version());
        if (status.error_code() == grpc::StatusCode::NOT_FOUND)
            return finish(context, status);
        reply->set_ready(status.ok());
        return finish(context);
    }

    Reactor *ServerMetadata(Context *context, const kserve::ServerMetadataRequest *,
                            kserve::ServerMetadataResponse *reply) override
    {
        reply->set_name("drillroom-replica");
        reply->set_version(DRILLROOM_VERSION);
        reply->add_extensions("model_repository");
        return finish(context);
    }

    Reactor *ModelMetadata(Context *context, const kserve::ModelMetadataRequest *request,
                           kserve::ModelMetadataResponse *reply) override
    {
        const auto status = named(request->name(), request->version());
        if (!status.ok())
            return finish(context, status);
        reply->set_name(m_settings.model);
        if (const auto scorer = m_model.current())
            describeRecommend(*scorer, *reply);
        return finish(context);
    }

    Reactor *ModelInfer(Context *context, const kserve::ModelInferRequest *request,
                        kserve::ModelInferResponse *reply) override
    {
        const auto status = named(request->model_name(), request->model_version());
        if (!status.ok())
            return finish(context, status);
        auto *call = new InferCall(m_batcher); // gRPC owns it until OnDone
        call->start(m_clock, m_counters, *request, *reply, deadlineOf(context->raw_deadline()));
        return call;
    }

    Reactor *RepositoryIndex(Context *context, const kserve::RepositoryIndexRequest *request,
                             kserve::RepositoryIndexResponse *reply) override
    {
        const auto scorer = m_model.current();
        if (scorer || !request->ready()) {
            auto &entry = *reply->add_models();
            entry.set_name(m_settings.model);
            entry.set_version(scorer ? scorer->version() : "");
            entry.set_state(scorer ? "READY" : "UNAVAILABLE");
            entry.set_reason(m_model.reason());
        }
        return finish(context);
    }

    /// Parameter "version" (text): a package of the shop; without it the one of the start.
    Reactor *RepositoryModelLoad(Context *context,
                                 const kserve::RepositoryModelLoadRequest *request,
                                 kserve::RepositoryModelLoadResponse *) override
    {
        if (request->model_name() != m_settings.model)
            return finish(context, unknown(request->model_name()));
        std::string version;
        if (const auto at = request->parameters().find("version");
            at != request->parameters().end())
            version = at->second.string_param();
        auto *reactor = context->DefaultReactor();
        later([this, reactor, version] {
            const auto loaded = load(version);
            reactor->Finish(loaded ? grpc::Status::OK : statusOf(loaded.error()));
        });
        return reactor;
    }

    Reactor *RepositoryModelUnload(Context *context,
                                   const kserve::RepositoryModelUnloadRequest *request,
                                   kserve::RepositoryModelUnloadResponse *) override
    {
        if (request->model_name() != m_settings.model)
            return finish(context, unknown(request->model_name()));
        auto *reactor = context->DefaultReactor();
        later([this, reactor] {
            m_model.unload();
            if (m_changed)
                m_changed(nullptr);
            reactor->Finish(grpc::Status::OK);
        });
        return reactor;
    }

    Result<> load(const std::string &version)
    {
        DR_RETURN_IF_ERROR(m_model.load(version));
        if (m_changed)
            m_changed(m_model.current());
        return {};
    }

    Window takeWindow(MonoTime end)
    {
        auto counts = m_counters.take();
        const auto &target = m_settings.target;
        Window window;
        window.source = target;
        window.end = end.count();
        window.samples = {{target + ".requests", static_cast<double>(counts.requests)},
                          {target + ".failed", static_cast<double>(counts.failed)},
                          {target + ".queue", static_cast<double>(m_batcher.queued())}};
        if (counts.requests > 0) {
            window.samples.push_back({target + ".latency.p99", counts.latency.quantile(0.99)});
            window.sketches.push_back({target + ".latency", counts.latency.encode()});
        }
        return window;
    }

    Changed m_changed; // set before the server starts
    ReplicaSettings m_settings;
    ReplicaModel m_model;

private:
    static Reactor *finish(Context *context, const grpc::Status &status = grpc::Status::OK)
    {
        auto *reactor = context->DefaultReactor();
        reactor->Finish(status);
        return reactor;
    }

    [[nodiscard]] grpc::Status unknown(const std::string &name) const
    {
        return {grpc::StatusCode::NOT_FOUND,
                fmt::format("Model \"{}\" is not here; this replica serves \"{}\"", name,
                            m_settings.model)};
    }

    /// OK, NOT_FOUND, or UNAVAILABLE when it is known but not loaded.
    [[nodiscard]] grpc::Status named(const std::string &name, const std::string &version) const
    {
        if (name != m_settings.model)
            return unknown(name);
        const auto scorer = m_model.current();
        if (!scorer)
            return {grpc::StatusCode::UNAVAILABLE, "No model is loaded: " + m_model.reason()};
        if (!version.empty() && version != scorer->version())
            return {grpc::StatusCode::NOT_FOUND,
                    fmt::format("Version \"{}\" is not here; version {} serves", version,
                                scorer->version())};
        return grpc::Status::OK;
    }

    void later(std::function<void()> task)
    {
        const std::scoped_lock lock(m_mutex);
        m_loads.push_back(std::move(task));
        m_wake.notify_one();
    }

    void runLoads(std::stop_token stop)
    {
        while (true) {
            std::function<void()> task;
            {
                std::unique_lock lock(m_mutex);
                // Also at the end: every call that was taken must be finished.
                if (!m_wake.wait(lock, stop, [this] { return !m_loads.empty(); }))
                    return;
                task = std::move(m_loads.front());
                m_loads.pop_front();
            }
            task();
        }
    }

    const Clock &m_clock;
    NodeCounters m_counters;
    Batcher m_batcher;

    std::mutex m_mutex; // m_loads
    std::condition_variable_any m_wake;
    std::deque<std::function<void()>> m_loads;
    std::jthread m_loader;
};

ReplicaService::ReplicaService(ReplicaSettings settings, ScorerSource source, const Clock &clock)
    : m_service(std::make_unique<Service>(std::move(settings), std::move(source), clock))
{
}

ReplicaService::~ReplicaService() = default;

Result<> ReplicaService::load(const std::string &version)
{
    return m_service->load(version);
}

void ReplicaService::onChanged(Changed changed)
{
    m_service->m_changed = std::move(changed);
}

std::shared_ptr<const Scorer> ReplicaService::current() const
{
    return m_service->m_model.current();
}

grpc::Service &ReplicaService::service()
{
    return *m_service;
}

Window ReplicaService::takeWindow(MonoTime end)
{
    return m_service->takeWindow(end);
}

} // namespace engine
