#include "engine/agent/local_cluster.h"

#include "engine/agent/agent_spawn.h"
#include "engine/agent/control_socket.h"
#include "engine/agent/plain_line.h"
#include "engine/agent/wire.h"

#include <fmt/format.h>
#include <grpcpp/create_channel.h>
#include <thread>

namespace engine {
namespace {

namespace proto = drillroom::v1;

constexpr Micros kCallLimit{5'000'000}, kUpLimit{60'000'000}, kSafeguardsLimit{30'000'000},
    kSpawnLimit{8'000'000}, kPrepareLimit{200'000'000};
constexpr Micros kHaltLimit{900'000}, kEndLimit{1'500'000};

void prepare(grpc::ClientContext &context, Micros limit, const std::string &token)
{
    const auto from = gpr_now(GPR_CLOCK_MONOTONIC);
    context.set_deadline(gpr_time_add(from, gpr_time_from_micros(limit.count(), GPR_TIMESPAN)));
    if (!token.empty())
        context.AddMetadata("drillroom-lease", token);
}

Error toError(const grpc::Status &status)
{
    switch (status.error_code()) {
    case grpc::StatusCode::FAILED_PRECONDITION:
        return {ErrorCode::Busy, status.error_message(), ""};
    case grpc::StatusCode::DEADLINE_EXCEEDED:
        return {ErrorCode::Timeout, "The agent did not answer in time", ""};
    case grpc::StatusCode::UNAVAILABLE:
        return {ErrorCode::Unavailable, "The agent is gone: " + status.error_message(), ""};
    default:
        return {ErrorCode::Internal, "The agent failed: " + status.error_message(), ""};
    }
}

} // namespace

class LocalCluster::Impl
{
public:
    Impl(const Paths &where, const Clock &time) : paths(where), clock(time) {}
    ~Impl()
    {
        watcher.request_stop();
        {
            const std::lock_guard lock(mutex);
            if (watching)
                watching->TryCancel();
        }
        watcher = {};
        lease.close();
        spawned.pipe.reset();
        // What we started ends with us; seeing it end keeps the promise testable.
        const auto limit = clock.now() + kEndLimit;
        while (spawned.pid != 0 && !shopStays && !spawned.hasEnded() && clock.now() < limit)
            clock.waitUntil(clock.now() + Micros{2'000}, {});
    }

    Result<> connect(const LocalClusterOptions &options)
    {
        name = options.name;
        const auto limit = clock.now() + kSpawnLimit;
        bool tried = false;
        std::string why;
        do {
            if (auto connected = PlainLine::connect(paths.leaseSocket()); connected) {
                lease = std::move(*connected);
                if (options.readOnly)
                    return openChannel();
                const auto answer = lease.ask(clock, "lease " + options.name, kCallLimit);
                if (answer && answer->starts_with("ok ")) {
                    token = answer->substr(3);
                    return openChannel();
                }
                if (answer && answer->starts_with("held "))
                    return fail(ErrorCode::Busy, "The shop of " + paths.home.string()
                                                     + " is held by " + answer->substr(5)
                                                     + "; end that one first");
                // An agent on its way out: it closed on us; try the next one.
            }
            if (options.readOnly || !options.spawn)
                return fail(ErrorCode::Unavailable, "No agent runs for " + paths.home.string());
            if (!tried || (spawned.pid == 0 && clock.now() + Micros{1'000'000} < limit)) {
                auto started = spawnAgent(paths);
                if (!started)
                    return tl::unexpected(started.error());
                spawned = std::move(*started);
                tried = true;
            }
            clock.waitUntil(clock.now() + Micros{10'000}, {});
            if (spawned.pid != 0 && spawned.hasEnded(&why))
                clock.waitUntil(clock.now() + Micros{100'000}, {});
        } while (clock.now() < limit);
        return fail(ErrorCode::Unavailable,
                    "The agent did not start: "
                        + (why.empty() ? "see " + spawned.errors.string() : why));
    }

    Result<> openChannel()
    {
        grpc::ChannelArguments arguments;
        arguments.SetInt("grpc.use_local_subchannel_pool", 1);
        arguments.SetInt("grpc.enable_http_proxy", 0);
        stub = proto::Agent::NewStub(grpc::CreateCustomChannel(
            "unix:" + paths.agentSocket().string(), grpc::InsecureChannelCredentials(), arguments));
        return {};
    }

    template <class Call, class Request>
    Result<std::string> call(Call method, const Request &request, Micros limit = kCallLimit)
    {
        grpc::ClientContext context;
        prepare(context, limit, token);
        proto::Outcome outcome;
        const auto status = (stub.get()->*method)(&context, request, &outcome);
        if (!status.ok())
            return tl::unexpected(toError(status));
        DR_RETURN_IF_ERROR(wire::fromProto(outcome));
        return outcome.detail();
    }

    void watch(const std::stop_token &stop)
    {
        while (!stop.stop_requested()) {
            grpc::ClientContext context;
            {
                const std::lock_guard lock(mutex);
                watching = &context;
            }
            if (stop.stop_requested())
                context.TryCancel(); // the destructor looked before there was a call to end
            auto reader = stub->Watch(&context, {});
            reader->WaitForInitialMetadata();
            {
                const std::lock_guard lock(mutex);
                isWatching = true;
                changed.notify_all();
            }
            tellLink(true, "");
            proto::News news;
            while (!stop.stop_requested() && reader->Read(&news))
                tell(news);
            if (stop.stop_requested())
                context.TryCancel();
            const auto status = reader->Finish();
            const std::lock_guard lock(mutex);
            watching = nullptr;
            if (status.error_code() != grpc::StatusCode::RESOURCE_EXHAUSTED)
                break;
        }
        if (!stop.stop_requested())
            tellLink(false, "The agent is gone; its faults and processes end with it");
    }

    void tell(const proto::News &news)
    {
        auto item = wire::fromProto(news);
        if (!item)
            return;
        const std::lock_guard lock(listenerMutex);
        if (auto *payload = std::get_if<Payload>(&*item)) {
            if (listener.event)
                listener.event(std::move(*payload));
        } else if (listener.window) {
            listener.window(std::move(std::get<Window>(*item)));
        }
    }

    void tellLink(bool up, const std::string &why)
    {
        const std::lock_guard lock(listenerMutex);
        if (listener.link)
            listener.link(up, why);
    }

    const Paths paths;
    const Clock &clock;
    PlainLine lease;
    std::mutex leaseMutex; // one question at a time on the lease's connection
    std::string token, name;
    SpawnedAgent spawned;
    std::atomic<bool> shopStays{false};
    std::unique_ptr<proto::Agent::Stub> stub;

    std::mutex listenerMutex; // guards listener; held during its calls, so listen() waits for them
    ClusterListener listener;
    std::mutex mutex; // guards watching and isWatching
    std::condition_variable changed;
    grpc::ClientContext *watching = nullptr;
    bool isWatching = false;
    std::jthread watcher;
};

LocalCluster::LocalCluster(std::unique_ptr<Impl> impl) : m_impl(std::move(impl)) {}
LocalCluster::~LocalCluster() = default;

Result<std::unique_ptr<LocalCluster>> LocalCluster::open(const Paths &paths, const Clock &clock,
                                                         LocalClusterOptions options)
{
    auto impl = std::make_unique<Impl>(paths, clock);
    DR_RETURN_IF_ERROR(impl->connect(options));
    return std::unique_ptr<LocalCluster>(new LocalCluster(std::move(impl)));
}

void LocalCluster::listen(ClusterListener listener)
{
    {
        const std::lock_guard lock(m_impl->listenerMutex);
        m_impl->listener = std::move(listener);
    }
    std::unique_lock lock(m_impl->mutex);
    if (!m_impl->watcher.joinable())
        m_impl->watcher =
            std::jthread([impl = m_impl.get()](const std::stop_token &stop) { impl->watch(stop); });
    m_impl->changed.wait_for(lock, std::chrono::seconds(5), [&] { return m_impl->isWatching; });
}

Result<Capabilities> LocalCluster::capabilities()
{
    grpc::ClientContext context;
    prepare(context, kCallLimit, {});
    proto::AgentInfo info;
    if (const auto status = m_impl->stub->Describe(&context, {}, &info); !status.ok())
        return tl::unexpected(toError(status));
    Capabilities capabilities;
    capabilities.faults.assign(info.faults().begin(), info.faults().end());
    capabilities.missing.insert(info.missing().begin(), info.missing().end());
    return capabilities;
}

Result<LocalCluster::AgentFacts> LocalCluster::agent()
{
    grpc::ClientContext context;
    prepare(context, kCallLimit, {});
    proto::AgentInfo info;
    if (const auto status = m_impl->stub->Describe(&context, {}, &info); !status.ok())
        return tl::unexpected(toError(status));
    return AgentFacts{info.version(), info.holder(), info.pid(), info.halted(), info.stays()};
}

Result<ShopStatus> LocalCluster::shopUp(const ShopSpec &spec)
{
    proto::ShopUpRequest request;
    request.set_name(spec.name);
    request.set_replicas(spec.replicas);
    request.set_standby(spec.standby);
    request.set_stays(spec.stays);
    const auto detail = m_impl->call(&proto::Agent::Stub::ShopUp, request, kUpLimit);
    DR_RETURN_IF_ERROR(detail);
    auto status = wire::statusFrom(*detail);
    if (status)
        m_impl->shopStays = status->stays;
    return status;
}

Result<> LocalCluster::shopDown()
{
    DR_RETURN_IF_ERROR(m_impl->call(&proto::Agent::Stub::ShopDown, proto::Empty(), 2 * kCallLimit));
    m_impl->shopStays = false;
    return {};
}

Result<ShopStatus> LocalCluster::shopStatus()
{
    const auto detail = m_impl->call(&proto::Agent::Stub::ShopStatus, proto::Empty());
    DR_RETURN_IF_ERROR(detail);
    return wire::statusFrom(*detail);
}

Result<> LocalCluster::startLoad(const LoadSpec &spec)
{
    DR_RETURN_IF_ERROR(m_impl->call(&proto::Agent::Stub::StartLoad, wire::toProto(spec)));
    return {};
}

Result<> LocalCluster::stopLoad()
{
    DR_RETURN_IF_ERROR(m_impl->call(&proto::Agent::Stub::StopLoad, proto::Empty()));
    return {};
}

Result<> LocalCluster::setRate(double rate)
{
    proto::SetRateRequest request;
    request.set_rate(rate);
    request.set_who(m_impl->name);
    DR_RETURN_IF_ERROR(m_impl->call(&proto::Agent::Stub::SetRate, request));
    return {};
}

Result<> LocalCluster::setSwitches(const Switches &switches)
{
    DR_RETURN_IF_ERROR(m_impl->call(&proto::Agent::Stub::SetSwitches, wire::toProto(switches)));
    return {};
}

Result<> LocalCluster::applyFault(const FaultSpec &spec)
{
    DR_RETURN_IF_ERROR(m_impl->call(&proto::Agent::Stub::ApplyFault, wire::toProto(spec)));
    return {};
}

Result<> LocalCluster::prepareFault(const FaultSpec &spec)
{
    auto request = wire::toProto(spec);
    request.set_id(0);
    DR_RETURN_IF_ERROR(m_impl->call(&proto::Agent::Stub::ApplyFault, request, kPrepareLimit));
    return {};
}

Result<> LocalCluster::undoFault(std::uint32_t id)
{
    proto::UndoFaultRequest request;
    request.set_id(id);
    DR_RETURN_IF_ERROR(m_impl->call(&proto::Agent::Stub::UndoFault, request));
    return {};
}

Result<> LocalCluster::undoAll()
{
    return undoFault(0);
}

Result<> LocalCluster::restart(const std::string &target)
{
    return restartBy(target, "drill");
}

Result<> LocalCluster::respond(const std::string &verb, const std::string &target)
{
    return act(verb, target, "drill");
}

Result<> LocalCluster::act(const std::string &verb, const std::string &target,
                           const std::string &by)
{
    proto::TargetRequest request;
    request.set_target(target);
    request.set_by(by);
    request.set_verb(verb);
    DR_RETURN_IF_ERROR(m_impl->call(&proto::Agent::Stub::Restart, request));
    return {};
}

Result<> LocalCluster::setSafeguards(const Safeguards &safeguards)
{
    proto::SafeguardsRequest request;
    request.set_backup(safeguards.backup);
    request.set_verification(safeguards.verification);
    DR_RETURN_IF_ERROR(m_impl->call(&proto::Agent::Stub::SetSafeguards, request, kSafeguardsLimit));
    return {};
}

Result<> LocalCluster::restartBy(const std::string &target, const std::string &by)
{
    proto::TargetRequest request;
    request.set_target(target);
    request.set_by(by);
    DR_RETURN_IF_ERROR(m_impl->call(&proto::Agent::Stub::Restart, request));
    return {};
}

Result<> LocalCluster::halt(bool release)
{
    return haltOverSocket(m_impl->paths, release);
}

Result<> LocalCluster::setRecording(const std::filesystem::path &file)
{
    const std::lock_guard lock(m_impl->leaseMutex);
    const auto path = std::filesystem::absolute(file).string();
    if (path.find('\n') != std::string::npos)
        return fail(ErrorCode::InvalidInput, "The recording's path has a line break");
    const auto answer = m_impl->lease.ask(m_impl->clock, "recording " + path, kCallLimit);
    DR_RETURN_IF_ERROR(answer);
    if (*answer != "ok")
        return fail(ErrorCode::Busy, "The lease is not ours any more");
    return {};
}

Result<> haltOverSocket(const Paths &paths, bool release)
{
    auto line = PlainLine::connect(paths.leaseSocket());
    if (!line)
        return fail(ErrorCode::NotFound,
                    "No agent runs for " + paths.home.string() + ": nothing is broken or running");
    const auto answer = line->ask(systemClock(), release ? "release" : "halt", kHaltLimit);
    DR_RETURN_IF_ERROR(answer);
    return {};
}

} // namespace engine
