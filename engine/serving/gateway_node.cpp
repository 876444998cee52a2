#include "engine/serving/gateway_node.h"

#include "engine/serving/gateway.h"
#include "engine/serving/gateway_channel.h"
#include "engine/serving/node_link.h"
#include "engine/serving/node_metrics.h"
#include "engine/serving/node_stop.h"
#include "engine/serving/window_clock.h"

#include <spdlog/spdlog.h>

namespace engine {
namespace {

/// Events can come before the link is there (it says hello when we serve); they wait.
class NewsQueue
{
public:
    void push(Payload payload)
    {
        const std::lock_guard lock(m_mutex);
        if (m_link)
            m_link->sendEvent(payload);
        else
            m_waiting.push_back(std::move(payload));
    }
    void setLink(NodeLink *link)
    {
        const std::lock_guard lock(m_mutex);
        m_link = link;
        if (!m_link)
            return;
        for (const auto &payload : m_waiting)
            m_link->sendEvent(payload);
        m_waiting.clear();
    }

private:
    std::mutex m_mutex; ///< guards both
    NodeLink *m_link = nullptr;
    std::vector<Payload> m_waiting;
};

int failed(const Error &error)
{
    spdlog::error("gateway failed=\"{}\"", error.text());
    return exitCode(error.code);
}

} // namespace

int runGateway(const NodeConfig &config)
{
    NodeStop stop;
    if (!config.agentSocket.empty() && !dieWithParent())
        return 0;
    setUpLog(config.log.string(), config.target);
    setUpGrpcForDrills();

    const auto options = gatewayOptions(config);
    if (!options)
        return failed(options.error());
    auto popularity = PopularityList::open(config.shop);
    if (!popularity)
        return failed(popularity.error());

    auto plain = PlainDesk::open(config.shop, options->served);
    if (!plain)
        return failed(plain.error());

    NewsQueue news;
    auto gateway = Gateway::start(
        *options, std::move(*popularity), systemClock(),
        [&news](Payload payload) { news.push(std::move(payload)); }, std::move(*plain));
    if (!gateway)
        return failed(gateway.error());

    const auto metrics = NodeMetrics::start(config);
    if (!metrics)
        return failed(metrics.error());

    NodeCommands commands;
    commands.setSwitches = [&](const Switches &switches) -> Result<> {
        (*gateway)->setSwitches(switches);
        return {};
    };
    commands.drain = [&]() -> Result<> {
        stop.ask(NodeStop::Why::Drain);
        return {};
    };
    commands.onGone = [&](const std::string &why) {
        spdlog::warn("agent gone=\"{}\"", why);
        stop.ask(NodeStop::Why::Gone);
    };
    auto link = NodeLink::open(config, {(*gateway)->port(), "", "", ""}, std::move(commands));
    if (!link)
        return failed(link.error());
    news.setLink(link->get());
    spdlog::info("gateway serves port={} replicas={}", (*gateway)->port(),
                 options->replicas.size());
    {
        std::string problem; // as last told
        const WindowClock windows(systemClock(), [&](MonoTime end) {
            if (!(*link)->isDue(end))
                return;
            const auto window = (*gateway)->collect(end);
            (*metrics)->take(window);
            (*link)->sendWindow(window);
            auto now = (*gateway)->problem();
            if (now == problem)
                return;
            problem = std::move(now);
            (*link)->sendState(true, problem, {(*gateway)->port(), "", "", ""});
        });
        (void)stop.wait();
    }
    // The server ends first, so that its last events still go out.
    gateway->reset();
    news.setLink(nullptr);
    return 0;
}

} // namespace engine
