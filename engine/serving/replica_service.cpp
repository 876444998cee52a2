#include "engine/serving/replica_service.h"

#include "engine/proto/kserve.grpc.pb.h"
#include "engine/serving/batcher.h"
#include "engine/serving/memory_guard.h"
#include "engine/serving/node_counters.h"
#include "engine/serving/node_server.h"
#include "engine/serving/recommend_model.h"
#include "engine/serving/replica_stream.h"

#include <algorithm>
#include <deque>
#include <fmt/format.h>
#include <fmt/ranges.h>

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
    Slot(std::string given, std::string application, const ModelSource &source, const Clock &clock,
         int threads)
        : name(std::move(given)), model(std::move(application), source, clock),
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
    Service(ReplicaSettings settings, const ModelSource &source, const Clock &clock,
            const std::vector<ServedApplication> &others)
        : m_settings(std::move(settings)), m_clock(clock),
          m_main(m_settings.model, "recommend", source, clock, m_settings.threads),
          m_beside(m_settings.beside, "recommend", source, clock, m_settings.threads),
          m_others(slotsOf(others, clock, m_settings.threads)), m_all(all()),
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
        if (const auto model = slotOf(request->name())->model.current()) {
            reply->add_versions(model->version());
            reply->set_platform("drillroom_" + model->family());
            model->describe(*reply);
        }
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
        for (const auto *slot : m_all) {
            const auto model = slot->model.current();
            if (!model && (request->ready() || (slot == &m_beside && !m_usedBeside)))
                continue;
            auto &entry = *reply->add_models();
            entry.set_name(slot->name);
            entry.set_version(model ? model->version() : "");
            entry.set_state(model ? "READY" : "UNAVAILABLE");
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
        else if (&slot == &m_main && m_changed)
            m_changed(slot.model.current());
        return {};
    }

    Result<> loadOthers()
    {
        for (const auto &slot : m_others)
            DR_RETURN_IF_ERROR(load(*slot, ""));
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
                          {target + ".queue", static_cast<double>(queued())}};
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
            auto *slot = slotOf(request.model_name());
            const auto model = slot->model.current();
            if (!model) // unloaded since
                return finish({grpc::StatusCode::UNAVAILABLE, "No model is loaded"});
            auto question = model->read(request);
            if (!question)
                return finish(statusOf(question.error()));
            auto held = m_memory.take((*question)->bytes());
            if (!held)
                return finish(exhausted);
            slot->model.remember(model->sample(*question));
            ScoreJob job;
            job.question = *question;
            job.deadline = work.deadline;
            job.isCancelled = std::move(work.isCancelled);
            job.done = [finish, exhausted, held = std::move(held), &request, reply = work.reply,
                        question = std::move(*question)](Result<Scored> scored) {
                if (!scored)
                    return finish(statusOf(scored.error()));
                try {
                    scored->by->write(request, *question, *scored->answer, *reply);
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

    static std::vector<std::unique_ptr<Slot>> slotsOf(const std::vector<ServedApplication> &others,
                                                      const Clock &clock, int threads)
    {
        std::vector<std::unique_ptr<Slot>> out;
        for (const auto &each : others)
            out.push_back(
                std::make_unique<Slot>(each.name, each.name, each.source, clock, threads));
        return out;
    }
    [[nodiscard]] std::vector<Slot *> all()
    {
        std::vector<Slot *> out{&m_main, &m_beside};
        for (const auto &slot : m_others)
            out.push_back(slot.get());
        return out;
    }

    void dropCancelled()
    {
        for (auto *slot : m_all)
            slot->batcher.dropCancelled();
    }

    [[nodiscard]] std::size_t queued() const
    {
        std::size_t out = 0;
        for (const auto *slot : m_all)
            out += slot->batcher.queued();
        return out;
    }

    [[nodiscard]] Slot *slotOf(const std::string &name)
    {
        const auto at = std::ranges::find(m_all, name, &Slot::name);
        return at == m_all.end() ? nullptr : *at;
    }

    static Reactor *finish(Context *context, const grpc::Status &status = grpc::Status::OK)
    {
        auto *reactor = context->DefaultReactor();
        reactor->Finish(status);
        return reactor;
    }

    [[nodiscard]] grpc::Status unknown(const std::string &name) const
    {
        std::vector<std::string> names;
        for (const auto *slot : m_all)
            if (slot != &m_beside || m_usedBeside)
                names.push_back(slot->name);
        return {grpc::StatusCode::NOT_FOUND,
                briefly(fmt::format("Model \"{}\" is not here; this replica serves \"{}\"", name,
                                    fmt::join(names, "\" and \"")))};
    }

    /// OK, NOT_FOUND, or UNAVAILABLE when it is known but not loaded.
    [[nodiscard]] grpc::Status named(const std::string &name, const std::string &version)
    {
        const auto *slot = slotOf(name);
        if (!slot || (slot == &m_beside && !m_usedBeside))
            return unknown(name);
        const auto model = slot->model.current();
        if (!model)
            return {grpc::StatusCode::UNAVAILABLE, "No model is loaded: " + slot->model.reason()};
        if (!version.empty() && version != model->version())
            return {grpc::StatusCode::NOT_FOUND,
                    briefly(fmt::format("Version \"{}\" is not here; version {} serves", version,
                                        model->version()))};
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
    const std::vector<std::unique_ptr<Slot>> m_others;
    const std::vector<Slot *> m_all; ///< the three above

    std::mutex m_mutex; // m_loads
    std::condition_variable_any m_wake;
    std::deque<std::function<void()>> m_loads;
    std::jthread m_loader;
};

ReplicaService::ReplicaService(ReplicaSettings settings, const ScorerSource &source,
                               const Clock &clock, const std::vector<ServedApplication> &others)
    : m_service(std::make_unique<Service>(
        std::move(settings),
        [source](const std::string &version) -> Result<std::unique_ptr<ServedModel>> {
            auto scorer = source(version);
            if (!scorer)
                return tl::unexpected(scorer.error());
            return recommendModel(std::move(*scorer));
        },
        clock, others))
{
}

ReplicaService::~ReplicaService() = default;

Result<> ReplicaService::load(const std::string &version)
{
    return m_service->load(m_service->main(), version);
}

Result<> ReplicaService::loadOthers()
{
    return m_service->loadOthers();
}

void ReplicaService::onChanged(Changed changed)
{
    m_service->m_changed = std::move(changed);
}

std::shared_ptr<const ServedModel> ReplicaService::current() const
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
