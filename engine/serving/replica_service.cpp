#include "engine/serving/replica_service.h"

#include "engine/proto/kserve.grpc.pb.h"
#include "engine/serving/batcher.h"
#include "engine/serving/memory_guard.h"
#include "engine/serving/node_counters.h"
#include "engine/serving/node_server.h"
#include "engine/serving/replica_stream.h"
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
    explicit InferCall(std::function<void()> dropCancelled)
        : m_dropCancelled(std::move(dropCancelled))
    {
    }
    void start(const Infer &infer, const kserve::ModelInferRequest &request,
               kserve::ModelInferResponse &reply, std::optional<MonoTime> deadline)
    {
        infer({&request, &reply, deadline, m_isCancelled,
               [this](const grpc::Status &status) { Finish(status); }});
    }

private:
    void OnCancel() override
    {
        m_isCancelled->store(true, std::memory_order_relaxed);
        // Finishing inside this callback is allowed: OnDone comes only after it returned.
        m_dropCancelled();
    }
    void OnDone() override { delete this; }
    const std::function<void()> m_dropCancelled;
    std::shared_ptr<std::atomic<bool>> m_isCancelled = std::make_shared<std::atomic<bool>>(false);
};

/// A model by its name: what is loaded, and who scores with it.
struct Slot
{
    Slot(std::string given, const ScorerSource &source, const Clock &clock, int threads)
        : name(std::move(given)), model(source, clock),
          batcher(
              clock, [this] { return model.current(); }, threads)
    {
    }
    const std::string name;
    ReplicaModel model;
    Batcher batcher;
};

} // namespace

class ReplicaService::Service final : public kserve::GRPCInferenceService::CallbackService
{
public:
    Service(ReplicaSettings settings, ScorerSource source, const Clock &clock)
        : m_settings(std::move(settings)), m_clock(clock),
          m_main(m_settings.model, source, clock, m_settings.threads),
          m_beside(m_settings.beside, source, clock, m_settings.threads),
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
        reply->set_ready(m_main.model.current() != nullptr);
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
        reply->add_extensions("binary_tensor_data");
        return finish(context);
    }

    Reactor *ModelMetadata(Context *context, const kserve::ModelMetadataRequest *request,
                           kserve::ModelMetadataResponse *reply) override
    {
        const auto status = named(request->name(), request->version());
        if (!status.ok())
            return finish(context, status);
        reply->set_name(request->name());
        if (const auto scorer = slotOf(request->name())->model.current())
            describeRecommend(*scorer, *reply);
        return finish(context);
    }

    Reactor *ModelInfer(Context *context, const kserve::ModelInferRequest *request,
                        kserve::ModelInferResponse *reply) override
    {
        auto *call = new InferCall([this] { dropCancelled(); }); // gRPC owns it until OnDone
        call->start([this](InferWork work) { infer(std::move(work)); }, *request, *reply,
                    deadlineOf(context->raw_deadline()));
        return call;
    }

    grpc::ServerBidiReactor<kserve::ModelInferRequest, kserve::ModelStreamInferResponse> *
    ModelStreamInfer(Context *context) override
    {
        return new StreamCall([this](InferWork work) { infer(std::move(work)); },
                              [this] { dropCancelled(); }, deadlineOf(context->raw_deadline()));
    }

    Reactor *RepositoryIndex(Context *context, const kserve::RepositoryIndexRequest *request,
                             kserve::RepositoryIndexResponse *reply) override
    {
        for (const auto *slot : {&m_main, &m_beside}) {
            const auto scorer = slot->model.current();
            if (!scorer && (request->ready() || (slot == &m_beside && !m_usedBeside)))
                continue;
            auto &entry = *reply->add_models();
            entry.set_name(slot->name);
            entry.set_version(scorer ? scorer->version() : "");
            entry.set_state(scorer ? "READY" : "UNAVAILABLE");
            entry.set_reason(slot->model.reason());
        }
        return finish(context);
    }

    /// Parameter "version" (text): a package of the shop; without it the one of the start.
    Reactor *RepositoryModelLoad(Context *context,
                                 const kserve::RepositoryModelLoadRequest *request,
                                 kserve::RepositoryModelLoadResponse *) override
    {
        auto *slot = slotOf(request->model_name());
        if (!slot)
            return finish(context, unknown(request->model_name()));
        std::string version;
        if (const auto at = request->parameters().find("version");
            at != request->parameters().end())
            version = at->second.string_param();
        auto *reactor = context->DefaultReactor();
        later([this, reactor, slot, version] {
            const auto loaded = load(*slot, version);
            reactor->Finish(loaded ? grpc::Status::OK : statusOf(loaded.error()));
        });
        return reactor;
    }

    Reactor *RepositoryModelUnload(Context *context,
                                   const kserve::RepositoryModelUnloadRequest *request,
                                   kserve::RepositoryModelUnloadResponse *) override
    {
        auto *slot = slotOf(request->model_name());
        if (!slot)
            return finish(context, unknown(request->model_name()));
        auto *reactor = context->DefaultReactor();
        later([this, slot, reactor] {
            slot->model.unload();
            if (slot == &m_main && m_changed)
                m_changed(nullptr);
            reactor->Finish(grpc::Status::OK);
        });
        return reactor;
    }

    Result<> load(Slot &slot, const std::string &version)
    {
        DR_RETURN_IF_ERROR(slot.model.load(version));
        if (&slot == &m_beside)
            m_usedBeside = true;
        else if (m_changed)
            m_changed(slot.model.current());
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
                          {target + ".queue", static_cast<double>(m_main.batcher.queued()
                                                                  + m_beside.batcher.queued())}};
        if (counts.requests > 0) {
            window.samples.push_back({target + ".latency.p99", counts.latency.quantile(0.99)});
            window.sketches.push_back({target + ".latency", counts.latency.encode()});
        }
        return window;
    }

    Changed m_changed; // set before the server starts
    ReplicaSettings m_settings;

    [[nodiscard]] Slot &main() { return m_main; }

private:
    /// Every answer of this replica goes through here.
    void infer(InferWork work)
    {
        const auto finish = [this, arrived = m_clock.now(),
                             done = std::move(work.done)](const grpc::Status &status) {
            m_counters.answered(m_clock.now() - arrived, status.ok());
            done(status);
        };
        const auto &request = *work.request;
        if (const auto status = named(request.model_name(), request.model_version()); !status.ok())
            return finish(status);
        const grpc::Status exhausted{
            grpc::StatusCode::RESOURCE_EXHAUSTED,
            "The replica is out of memory; try another one, or send fewer rows or a smaller k"};
        try {
            auto read = readRecommend(request);
            if (!read)
                return finish(statusOf(read.error()));
            auto held = m_memory.take(bytesOf(*read));
            if (!held)
                return finish(exhausted);
            auto *slot = slotOf(request.model_name());
            slot->model.remember(read->histories.front());
            ScoreJob job;
            job.histories = std::move(read->histories);
            job.k = read->k;
            job.deadline = work.deadline;
            job.isCancelled = std::move(work.isCancelled);
            job.done = [finish, exhausted, held = std::move(held), &request, reply = work.reply,
                        k = read->k](Result<Scored> scored) {
                if (!scored)
                    return finish(statusOf(scored.error()));
                try {
                    writeRecommend(request, k, *scored, *reply);
                } catch (const std::bad_alloc &) {
                    reply->Clear();
                    return finish(exhausted);
                }
                finish(grpc::Status::OK);
            };
            slot->batcher.submit(std::move(job));
        } catch (const std::bad_alloc &) {
            finish(exhausted);
        }
    }

    /// Of an item and its score as a list, as a message, and as bytes on the wire; of the history
    /// once more for the batch.
    static std::uint64_t bytesOf(const RecommendRequest &request)
    {
        std::uint64_t events = 0;
        for (const auto &history : request.histories)
            events += history.size();
        const auto cells = request.histories.size() * static_cast<std::uint64_t>(request.k);
        return 3 * 12 * cells + 2 * 8 * events;
    }

    void dropCancelled()
    {
        m_main.batcher.dropCancelled();
        m_beside.batcher.dropCancelled();
    }

    [[nodiscard]] Slot *slotOf(const std::string &name)
    {
        return name == m_main.name ? &m_main : name == m_beside.name ? &m_beside : nullptr;
    }

    static Reactor *finish(Context *context, const grpc::Status &status = grpc::Status::OK)
    {
        auto *reactor = context->DefaultReactor();
        reactor->Finish(status);
        return reactor;
    }

    [[nodiscard]] grpc::Status unknown(const std::string &name) const
    {
        return {grpc::StatusCode::NOT_FOUND,
                briefly(fmt::format("Model \"{}\" is not here; this replica serves \"{}\"{}", name,
                                    m_settings.model,
                                    m_usedBeside ? fmt::format(" and \"{}\"", m_settings.beside)
                                                 : ""))};
    }

    /// OK, NOT_FOUND, or UNAVAILABLE when it is known but not loaded.
    [[nodiscard]] grpc::Status named(const std::string &name, const std::string &version)
    {
        const auto *slot = slotOf(name);
        if (!slot || (slot == &m_beside && !m_usedBeside))
            return unknown(name);
        const auto scorer = slot->model.current();
        if (!scorer)
            return {grpc::StatusCode::UNAVAILABLE, "No model is loaded: " + slot->model.reason()};
        if (!version.empty() && version != scorer->version())
            return {grpc::StatusCode::NOT_FOUND,
                    briefly(fmt::format("Version \"{}\" is not here; version {} serves", version,
                                        scorer->version()))};
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
    MemoryGuard m_memory;
    std::atomic<bool> m_usedBeside{false};
    Slot m_main, m_beside;

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
    return m_service->load(m_service->main(), version);
}

void ReplicaService::onChanged(Changed changed)
{
    m_service->m_changed = std::move(changed);
}

std::shared_ptr<const Scorer> ReplicaService::current() const
{
    return m_service->main().model.current();
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
