#include "engine/serving/node_link.h"
#include "engine/serving/node_metrics.h"
#include "engine/serving/node_server.h"
#include "engine/serving/node_stop.h"
#include "engine/serving/store_service.h"
#include "engine/serving/window_clock.h"

#include <spdlog/spdlog.h>

namespace engine {
namespace {

constexpr Micros kNotice{100'000}, kFinish{2'000'000};

} // namespace

int serveStore(const NodeConfig &config, const StoreSource &open)
{
    NodeStop stop;
    setUpLog(config.log.string(), config.target);
    if (!config.agentSocket.empty() && !dieWithParent())
        return exitCode(ErrorCode::Unavailable);

    const auto &clock = systemClock();
    const auto begun = clock.now();
    const auto refuse = [&config](const Error &error) {
        spdlog::error("event=refused reason=\"{}\"", error.text());
        if (const auto link = NodeLink::open(config, {}, {}))
            (*link)->sendState(false, error.text(), {});
        return exitCode(error.code);
    };
    auto opened = open();
    if (!opened)
        return refuse(opened.error());
    const auto store = std::move(opened->store);
    StoreService service(*store, clock);
    auto server = NodeServer::start(service.service());
    if (!server)
        return refuse(server.error());

    const auto metrics = NodeMetrics::start(config);
    if (!metrics)
        return refuse(metrics.error());

    NodeCommands commands;
    commands.drain = [&stop]() -> Result<> {
        stop.ask(NodeStop::Why::Drain);
        return {};
    };
    commands.onGone = [&stop](const std::string &) { stop.ask(NodeStop::Why::Gone); };
    NodeIdentity identity;
    identity.port = (*server)->port();
    auto link = NodeLink::open(config, identity, std::move(commands));
    if (!link) {
        spdlog::error("event=no_agent reason=\"{}\"", link.error().text());
        return exitCode(link.error().code);
    }
    if (!opened->restored.empty()) {
        spdlog::info("event=restored what=\"{}\"", opened->restored);
        (*link)->sendEvent(ResponseChanged{"restore", config.target, "store", opened->restored,
                                           false, clock.now().count()});
    }
    const auto stats = store->stats();
    spdlog::info("event=serving port={} events={} seq={} start_ms={}", identity.port, stats.events,
                 stats.seq, (clock.now() - begun).count() / 1000);
    {
        const WindowClock windows(clock, [&](MonoTime end) {
            if (!(*link)->isDue(end))
                return;
            const auto window = service.takeWindow(end);
            (*metrics)->take(window);
            (*link)->sendWindow(window);
        });
        if (stop.wait() == NodeStop::Why::Drain)
            (*server)->drain(clock, kNotice, kFinish);
    }
    server->reset();
    spdlog::info("event=ended acked={}", store->stats().acked);
    return 0;
}

} // namespace engine
