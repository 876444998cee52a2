#include "engine/serving/replica_node.h"

#include "engine/serving/call_faults.h"
#include "engine/serving/node_link.h"
#include "engine/serving/node_metrics.h"
#include "engine/serving/node_server.h"
#include "engine/serving/node_stop.h"
#include "engine/serving/replica_service.h"
#include "engine/serving/window_clock.h"

#include <spdlog/spdlog.h>

namespace engine {
namespace {

constexpr std::string_view kModel = "recommend";
constexpr Micros kNotice{500'000}, kFinish{2'000'000};

NodeIdentity identityOf(int port, const std::shared_ptr<const ServedModel> &scorer)
{
    if (!scorer)
        return {port, std::string(kModel), "", ""};
    return {port, std::string(kModel), scorer->version(), scorer->digest()};
}

/// Tells the agent why this node will not serve: a hello without a port, then the reason.
int refuse(const NodeConfig &config, const Error &error)
{
    spdlog::error("event=refused reason=\"{}\"", error.text());
    if (const auto link = NodeLink::open(config, identityOf(0, nullptr), {}))
        (*link)->sendState(false, error.text(), identityOf(0, nullptr));
    return exitCode(error.code);
}

} // namespace

int runReplica(const NodeConfig &config, const ScorerSource &source,
               const std::vector<ServedApplication> &others)
{
    NodeStop stop;
    setUpLog(config.log.string(), config.target);
    if (!config.agentSocket.empty() && !dieWithParent())
        return exitCode(ErrorCode::Unavailable);
    const auto threads = config.numberOption("threads", 1, 1, 64);
    if (!threads)
        return refuse(config, threads.error());

    const auto &clock = systemClock();
    ReplicaService replica({config.target, std::string(kModel), static_cast<int>(*threads)}, source,
                           clock, others);
    const auto begun = clock.now();
    if (const auto loaded = replica.load(""); !loaded)
        return refuse(config, loaded.error());
    if (const auto loaded = replica.loadOthers(); !loaded)
        return refuse(config, loaded.error());
    CallFaults callFaults(clock);
    auto server = NodeServer::start(replica.service(), callFaults.interceptor());
    if (!server)
        return refuse(config, server.error());
    (*server)->setServing(std::string(kModel), true);
    for (const auto &each : others)
        (*server)->setServing(each.name, true);

    const auto port = (*server)->port();
    NodeCommands commands;
    commands.drain = [&stop]() -> Result<> {
        stop.ask(NodeStop::Why::Drain);
        return {};
    };
    commands.callFault = [&callFaults](const CallFault &fault) -> Result<> {
        callFaults.set(fault);
        return {};
    };
    commands.onGone = [&stop](const std::string &) { stop.ask(NodeStop::Why::Gone); };
    const auto metrics = NodeMetrics::start(config);
    if (!metrics) {
        spdlog::error("event=no_metrics reason=\"{}\"", metrics.error().text());
        return exitCode(metrics.error().code);
    }
    auto link = NodeLink::open(config, identityOf(port, replica.current()), std::move(commands));
    if (!link) {
        spdlog::error("event=no_agent reason=\"{}\"", link.error().text());
        return exitCode(link.error().code);
    }
    // Loads through the repository extension come after this: the first one is done.
    replica.onChanged([&](const std::shared_ptr<const ServedModel> &now) {
        (*server)->setServing("", now != nullptr);
        (*server)->setServing(std::string(kModel), now != nullptr);
        (*link)->sendState(now != nullptr, now ? "serving" : "unloaded", identityOf(port, now));
    });
    spdlog::info("event=serving port={} version={} digest={} start_ms={}", port,
                 replica.current()->version(), replica.current()->digest(),
                 (clock.now() - begun).count() / 1000);

    auto why = NodeStop::Why::Drain;
    {
        const WindowClock windows(clock, [&](MonoTime end) {
            if (!(*link)->isDue(end))
                return;
            const auto window = replica.takeWindow(end);
            (*metrics)->take(window);
            (*link)->sendWindow(window);
        });
        why = stop.wait();
        if (why == NodeStop::Why::Drain) {
            spdlog::info("event=draining");
            (*link)->sendState(false, "draining", identityOf(port, replica.current()));
            (*server)->drain(clock, kNotice, kFinish);
        }
    }
    server->reset();
    spdlog::info("event=ended");
    return 0;
}

} // namespace engine
