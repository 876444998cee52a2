#include "engine/agent/agent.h"

#include "engine/agent/agent_service.h"
#include "engine/agent/alerting.h"
#include "engine/agent/control_socket.h"
#include "engine/agent/node_service.h"
#include "engine/agent/repair.h"
#include "engine/base/files.h"
#include "engine/fault/stall_meter.h"
#include "engine/serving/window_clock.h"

#include <cerrno>
#include <csignal>
#include <fmt/format.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/server_posix.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>

namespace engine {
namespace {

constexpr Micros kLauncherEnd{500'000}, kLookAtHome{5'000'000};

void logToFile(const Paths &paths)
{
    try {
        auto log = spdlog::basic_logger_mt("agent", (paths.logs() / "agent.log").string());
        log->flush_on(spdlog::level::info);
        spdlog::set_default_logger(std::move(log));
    } catch (const spdlog::spdlog_ex &) {
        // Standard error then: a log that cannot be written must not keep the agent from its work.
    }
}

/// Removed, or another lies in its place. A file system that answers with an error is not gone.
bool isGone(const std::filesystem::path &folder, const struct stat &ours)
{
    struct stat now = {};
    if (::stat(folder.c_str(), &now) != 0)
        return errno == ENOENT || errno == ENOTDIR;
    return now.st_dev != ours.st_dev || now.st_ino != ours.st_ino;
}

/// Until a signal comes or the home is gone: nobody could reach this agent any more, nor stop what
/// it runs. Says why it ends.
std::string waitForEnd(const sigset_t &ends, const std::filesystem::path &home)
{
    struct stat ours = {};
    const bool isKnown = ::stat(home.c_str(), &ours) == 0;
    for (;;) {
        const timespec wait{kLookAtHome.count() / 1'000'000, 0};
        if (const int signal = ::sigtimedwait(&ends, nullptr, &wait); signal > 0)
            return fmt::format("signal={}", signal);
        if (errno == EAGAIN && isKnown && isGone(home, ours))
            return "home=gone";
    }
}

} // namespace

Result<int> runAgent(const AgentOptions &options)
{
    const auto &paths = options.paths;
    const auto &clock = systemClock();
    DR_RETURN_IF_ERROR(makePrivateFolder(paths.home));
    DR_RETURN_IF_ERROR(makePrivateFolder(paths.runtime));
    DR_RETURN_IF_ERROR(makePrivateFolder(paths.logs()));
    auto lock = lockHome(paths);
    if (!lock)
        return tl::unexpected(lock.error());
    auto launcher = Launcher::fork();
    if (!launcher)
        return tl::unexpected(launcher.error());
    logToFile(paths);

    auto ledger = Ledger::open(paths.ledger());
    if (!ledger)
        return tl::unexpected(ledger.error());
    DR_RETURN_IF_ERROR(repairFromLedger(*ledger, paths, clock));
    auto leaseListener = listenUnix(paths.leaseSocket());
    if (!leaseListener)
        return tl::unexpected(leaseListener.error());
    auto listener = listenUnix(paths.agentSocket());
    if (!listener)
        return tl::unexpected(listener.error());

    sigset_t ends;
    sigemptyset(&ends);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP})
        sigaddset(&ends, signal);
    ::pthread_sigmask(SIG_BLOCK, &ends, nullptr);
    ::signal(SIGPIPE, SIG_IGN);

    NewsHub hub;
    Proxy proxy;
    Shop shop(paths, clock, *launcher, proxy, hub);
    WardenOptions wardenOptions;
    wardenOptions.controllerFd = options.controllerFd;
    wardenOptions.onEnd = [&] {
        ::unlink(paths.agentSocket().c_str());
        ::unlink(paths.leaseSocket().c_str());
        // So that who waits for our end finds nothing left; past the limit the launcher sees our
        // end and kills all the same.
        launcher->end(clock, kLauncherEnd);
        ::_exit(0);
    };
    Warden warden(paths, clock, std::move(*ledger), std::move(*leaseListener), shop, hub,
                  std::move(wardenOptions));
    StallMeter meter(clock, [&](const Stall &stall) {
        hub.publish(Payload{HostStalled{stall.core, stall.from.count(), stall.to.count()}});
    });
    WindowClock windows(clock, [&](MonoTime end) {
        Window window{"agent", end.count(), shop.upSamples(), {}};
        for (auto &sample : shop.goldenSamples())
            window.samples.push_back(std::move(sample));
        meter.setPaused(!shop.isLoaded());
        if (!meter.isPaused())
            window.samples.push_back({std::string(series::kHostStall),
                                      static_cast<double>(meter.longestIn(end).count()) / 1000.0});
        hub.publish(std::move(window));
    });

    auto alertSettings = readAlertSettings(paths);
    if (!alertSettings) {
        // The shop is more important than its alerts: the shipped rules, as events only.
        spdlog::error("event=alerts_refused reason=\"{}\"", alertSettings.error().text());
        auto rules = shippedAlertRules();
        alertSettings =
            AlertSettings{rules ? std::move(*rules) : std::vector<AlertRule>{}, {}, {}, {}};
    }
    const Alerting alerting(hub, clock, std::move(*alertSettings),
                            [&shop] { return shop.status().name; });
    NodeService nodes(shop, hub);
    AgentService agent(shop, warden, hub, clock);
    grpc::ServerBuilder builder;
    builder.RegisterService(&nodes);
    builder.RegisterService(&agent);
    const auto server = builder.BuildAndStart();
    if (!server)
        return fail(ErrorCode::Internal, "gRPC did not start");
    std::jthread acceptor([&](const std::stop_token &) {
        for (;;)
            if (const int socket = acceptOwn(*listener); socket >= 0)
                grpc::AddInsecureChannelFromFd(server.get(), socket);
    });
    spdlog::info("agent up pid={} home={}", ::getpid(), paths.home.string());
    spdlog::info("agent ends {}", waitForEnd(ends, paths.home));
    warden.end();
    ::_exit(0); // the warden's thread did not answer: leave all the same
}

} // namespace engine
