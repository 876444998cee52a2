#include "engine/serving/traffic_node.h"

#include "engine/data/application_files.h"
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

/// `options.applications`: [{"name": ..., "reference": DIGEST}], the parts of a mixed load.
Result<std::vector<ApplicationTrace>> readOthers(const NodeConfig &config)
{
    std::vector<ApplicationTrace> out;
    const auto listed = config.options.find("applications");
    if (listed == config.options.end())
        return out;
    for (const auto &each : *listed) {
        if (!each.is_object() || !each.value("name", nlohmann::json()).is_string()
            || !each.value("reference", nlohmann::json()).is_string())
            return fail(ErrorCode::InvalidInput,
                        "The option \"applications\" must be a list of name and reference");
        ApplicationTrace trace;
        trace.name = each.at("name").get<std::string>();
        const auto info = readApplicationInfo(config.shop, trace.name);
        if (!info)
            return tl::unexpected(info.error());
        trace.share = info->share;
        const auto folder = applicationFolder(config.shop, trace.name);
        auto requests = readRequests(folder / "requests.jsonl");
        if (!requests)
            return tl::unexpected(requests.error());
        trace.requests = std::move(*requests);
        // Of ads the clicks of all slots that are shown.
        std::size_t most = 1;
        for (const auto &request : trace.requests.ads)
            most = std::max(most, request.appeal.size());
        auto expected =
            readExpected(folder, each.at("reference").get<std::string>(), static_cast<float>(most));
        if (!expected)
            return tl::unexpected(expected.error());
        const bool isOwn = trace.name == "search" ? !trace.requests.search.empty()
                           : trace.name == "ads"  ? !trace.requests.ads.empty()
                                                  : !trace.requests.inventory.empty();
        if (!isOwn || expected->size() != trace.requests.size())
            return fail(ErrorCode::InvalidInput,
                        fmt::format("The requests of {} and their expected scores do not fit; make "
                                    "the shop anew with `drillctl shop create`",
                                    trace.name),
                        folder.string());
        trace.expected = std::move(*expected);
        out.push_back(std::move(trace));
    }
    return out;
}

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
    auto others = readOthers(config);
    if (!others)
        return tl::unexpected(others.error());
    trace.others = std::move(*others);
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
