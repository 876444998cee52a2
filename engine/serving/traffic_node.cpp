#include "engine/serving/traffic_node.h"

#include "engine/data/item_prices.h"
#include "engine/data/shop_files.h"
#include "engine/serving/gateway_channel.h"
#include "engine/serving/node_link.h"
#include "engine/serving/node_metrics.h"
#include "engine/serving/node_stop.h"
#include "engine/serving/traffic.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace engine {
namespace {

Result<TrafficTrace> readShop(const NodeConfig &config)
{
    const auto info = readShopInfo(config.shop);
    if (!info)
        return tl::unexpected(info.error());
    TrafficTrace trace;
    trace.items = info->items;
    auto rows = readTrace(config.shop / "trace.bin");
    if (!rows)
        return tl::unexpected(rows.error());
    trace.rows = std::move(*rows);
    auto prices = readPrices(config.shop);
    if (!prices)
        return tl::unexpected(prices.error());
    trace.prices = std::move(*prices);
    auto earned = Earned::open(config.shop, *info);
    if (!earned)
        return tl::unexpected(earned.error());
    trace.earned = std::move(*earned);
    if (!config.options.contains("reference"))
        return trace;
    const auto digest = config.textOption("reference");
    if (!digest)
        return tl::unexpected(digest.error());
    auto expected = readExpected(config.shop, *digest);
    if (!expected)
        return tl::unexpected(expected.error());
    if (expected->size() != trace.rows.size())
        return fail(ErrorCode::InvalidInput,
                    fmt::format("The expected scores of {} are for {} rows, but the trace has {}; "
                                "make the shop anew with `drillctl shop create`",
                                *digest, expected->size(), trace.rows.size()),
                    config.shop.string());
    trace.expected = std::move(*expected);
    return trace;
}

int failed(const Error &error)
{
    spdlog::error("traffic failed=\"{}\"", error.text());
    return exitCode(error.code);
}

} // namespace

int runTraffic(const NodeConfig &config)
{
    NodeStop stop;
    if (!config.agentSocket.empty() && !dieWithParent())
        return 0;
    setUpLog(config.log.string(), config.target);
    setUpGrpcForDrills();

    TrafficOptions options;
    auto gateway = config.textOption("gateway");
    if (!gateway)
        return failed(gateway.error());
    options.gateway = std::move(*gateway);
    if (config.options.contains("store")) {
        auto store = config.textOption("store");
        if (!store)
            return failed(store.error());
        options.store = std::move(*store);
    }
    auto trace = readShop(config);
    if (!trace)
        return failed(trace.error());
    const auto rows = trace->rows.size();

    const auto metrics = NodeMetrics::start(config);
    if (!metrics)
        return failed(metrics.error());

    // The first load can be asked for before open() returns the link.
    std::mutex linkMutex;
    std::unique_ptr<NodeLink> link;
    Traffic traffic(options, std::move(*trace), systemClock(), [&](const Window &window) {
        (*metrics)->take(window);
        const std::lock_guard lock(linkMutex);
        if (link)
            link->sendWindow(window);
    });
    NodeCommands commands;
    commands.startLoad = [&](const LoadSpec &spec) {
        spdlog::info("load rate={} start_us={}", spec.load.rate, spec.start.count());
        return traffic.start(spec);
    };
    commands.setRate = [&](double rate) {
        spdlog::info("load rate={}", rate);
        return traffic.setRate(rate);
    };
    commands.stopLoad = [&]() -> Result<> {
        // Answered when the last request is: the next run may start at once then.
        traffic.stop();
        traffic.wait();
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
    auto opened = NodeLink::open(config, {}, std::move(commands));
    if (!opened)
        return failed(opened.error());
    {
        const std::lock_guard lock(linkMutex);
        link = std::move(*opened);
    }
    spdlog::info("traffic is ready rows={}", rows);
    (void)stop.wait();
    traffic.stop();
    traffic.wait();
    return 0;
}

} // namespace engine
