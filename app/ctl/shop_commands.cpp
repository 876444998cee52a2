#include "app/composition/shops.h"
#include "app/ctl/commands.h"
#include "app/ctl/output.h"
#include "app/ctl/shop_status.h"
#include "engine/agent/local_cluster.h"
#include "engine/serving/gateway_view.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace ctl {
namespace {

using nlohmann::json;

struct CreateOptions
{
    std::string name, from, format = "csv", columns;
    std::uint64_t seed = 1;
    double minutes = 30;
    std::vector<std::string> applications{"recommend"};
    bool json = false;
};

json toJson(const engine::ShopInfo &info)
{
    return {{"name", info.name},
            {"application", info.application},
            {"source", info.source},
            {"synthetic", !info.synthetic.empty()},
            {"seed", info.seed},
            {"items", info.items},
            {"shoppers", info.shoppers},
            {"events", info.events},
            {"trace_rows", info.traceRows},
            {"lines_read", info.linesRead},
            {"dropped", info.dropped},
            {"metrics", info.metrics}};
}

std::string describe(const engine::ShopInfo &info)
{
    std::string text =
        fmt::format("{}: {} shoppers, {} items, {} events{}\n", info.name, info.shoppers,
                    info.items, info.events, info.synthetic.empty() ? "" : " (synthetic)");
    std::uint64_t dropped = 0;
    for (const auto &[reason, lines] : info.dropped)
        dropped += lines;
    if (info.linesRead > 0)
        text += fmt::format("{} lines read, {} not used\n", info.linesRead, dropped);
    for (const auto &[reason, lines] : info.dropped)
        text += fmt::format("  {:>9}  {}\n", lines, reason);
    if (!info.metrics.empty()) {
        Table table({"On held-out events", "model", "popularity"}, {false, true, true});
        for (const char *metric : {"ndcg@10", "hr@10", "recall@20"}) {
            const auto model = info.metrics.find(std::string("model ") + metric);
            const auto popular = info.metrics.find(std::string("popularity ") + metric);
            if (model != info.metrics.end() && popular != info.metrics.end())
                table.row({metric, fmt::format("{:.4f}", model->second),
                           fmt::format("{:.4f}", popular->second)});
        }
        text += table.text();
    }
    return text;
}

void create(Context &context, const CreateOptions &options)
{
    app::ShopOrder order;
    order.name = options.name;
    order.from = options.from;
    order.seed = options.seed;
    order.applications = options.applications;
    order.timeLimit = engine::Micros(static_cast<std::int64_t>(options.minutes * 60e6));
    const auto format = engine::importFormat(options.format);
    if (!format) {
        context.exit = report(format.error(), options.json);
        return;
    }
    order.format = *format;
    if (!options.columns.empty()) {
        auto columns = engine::parseColumns(options.columns);
        if (!columns) {
            context.exit = report(columns.error(), options.json);
            return;
        }
        order.columns = *columns;
    }
    Progress progress;
    const auto info =
        app::createShop(context.paths, order, [&](const std::string &what, double part) {
            progress.line(part < 0 ? what : fmt::format("{} ({:.0f} %)", what, 100 * part));
        });
    progress.clear();
    if (!info) {
        context.exit = report(info.error(), options.json);
        return;
    }
    if (options.json)
        printJson(toJson(*info));
    else
        print(describe(*info) + "Next: drillctl drill run 01-ranker-crash --shop " + info->name
              + "\n");
}

void list(Context &context, bool asJson)
{
    auto all = json::array();
    Table table({"Shop", "Source", "Shoppers", "Items", "Events", ""},
                {false, false, true, true, true});
    const auto shops = app::listShops(context.paths);
    for (const auto &shop : shops) {
        auto entry = toJson(shop.info);
        entry["error"] = shop.error;
        all.push_back(entry);
        table.row({shop.info.name, shop.info.source, std::to_string(shop.info.shoppers),
                   std::to_string(shop.info.items), std::to_string(shop.info.events), shop.error});
    }
    if (asJson)
        printJson(json{{"shops", all}});
    else if (shops.empty())
        print(std::string(
            "No shop yet; make one: drillctl shop create demo --from synthetic:demo\n"));
    else
        print(table.text());
}

json toJson(const engine::ShopStatus &status)
{
    auto processes = json::array();
    for (const auto &process : status.processes)
        processes.push_back({{"name", process.name},
                             {"role", process.role},
                             {"pid", process.pid},
                             {"address", process.address},
                             {"state", process.state},
                             {"restarts", process.restarts},
                             {"model", process.model},
                             {"version", process.version},
                             {"digest", process.digest},
                             {"attached", process.attached},
                             {"log", process.log}});
    return {{"name", status.name},
            {"state", status.state},
            {"application", status.application},
            {"applications", status.applications},
            {"processes", processes}};
}

/// What the running gateway says of itself; null when there is none, or it does not answer.
nlohmann::ordered_json gatewayOf(const engine::ShopStatus &status)
{
    for (const auto &process : status.processes) {
        if (process.role != "gateway" || process.address.empty())
            continue;
        if (auto view = engine::askGatewayView(process.address, engine::Micros{1'000'000}))
            return std::move(*view);
    }
    return nullptr;
}

/// One line per section of the settings, what is switched off, and every count that is not 0.
std::string describeGateway(const nlohmann::ordered_json &view)
{
    std::string text;
    if (const auto problem = view.value("problem", ""); !problem.empty())
        text += "\nThe gateway keeps its settings: " + problem + "\n";
    text += fmt::format("\nGateway, by {}\n", view.value("file", ""));
    const auto plain = [](const nlohmann::ordered_json &value) {
        return value.is_string() ? value.get<std::string>() : value.dump();
    };
    const auto pairs = [&](const nlohmann::ordered_json &object) {
        std::string line;
        for (const auto &[name, value] : object.items())
            line += fmt::format("{}{} {}", line.empty() ? "" : ", ", name, plain(value));
        return line;
    };
    for (const auto &[section, values] : view["settings"].items())
        text += fmt::format("  {:<10} {}\n", section, pairs(values));
    std::string off;
    for (const auto &[name, on] : view["on"].items())
        if (!on.get<bool>())
            off += " " + name;
    text += "  off now   " + (off.empty() ? std::string(" nothing") : off) + "\n";
    for (const auto &replica : view["replicas"])
        text +=
            fmt::format("  {:<10} {}, breaker {}{}\n", plain(replica["target"]),
                        replica["in_rotation"].get<bool>() ? "in rotation" : "out of rotation",
                        plain(replica["breaker"]), replica["canary"].get<bool>() ? ", canary" : "");
    text += fmt::format("  canary     {}\n", plain(view["canary"]["state"]));
    for (const auto &[name, count] : view["counts"].items())
        if (count.get<std::uint64_t>() > 0)
            text += fmt::format("  {:<34} {:>10}\n", name, count.get<std::uint64_t>());
    return text;
}

} // namespace

void printStatus(const engine::ShopStatus &status, bool asJson)
{
    const auto gateway = gatewayOf(status);
    if (asJson) {
        auto all = toJson(status);
        if (!gateway.is_null())
            all["gateway"] = json::parse(gateway.dump());
        printJson(all);
        return;
    }
    if (status.processes.empty()) {
        print(status.name + " is " + (status.state.empty() ? "down" : status.state) + "\n");
        return;
    }
    print(status.name + " is " + status.state + "\n");
    Table table({"Process", "State", "Pid", "Restarts", "Model", "Address", "Log"},
                {false, false, true, true});
    for (const auto &process : status.processes)
        table.row({process.name, process.state, std::to_string(process.pid),
                   std::to_string(process.restarts),
                   process.model.empty() ? "" : process.model + " " + process.version,
                   process.address, process.log});
    print(table.text());
    if (!gateway.is_null())
        print(describeGateway(gateway));
}

namespace {

void up(Context &context, const std::string &name, int replicas, bool standby, bool asJson)
{
    const auto folder = app::shopFolder(context.paths, name);
    if (!folder) {
        context.exit = report(folder.error(), asJson);
        return;
    }
    auto cluster = engine::LocalCluster::open(context.paths, engine::systemClock(),
                                              {.name = "drillctl shop up"});
    if (!cluster) {
        context.exit = report(cluster.error(), asJson);
        return;
    }
    Progress progress;
    progress.line("starting " + name);
    const auto status =
        (*cluster)->shopUp({.name = name, .replicas = replicas, .standby = standby, .stays = true});
    progress.clear();
    if (!status) {
        context.exit = report(status.error(), asJson);
        return;
    }
    printStatus(*status, asJson);
}

void status(Context &context, const std::string &name, bool asJson)
{
    const auto folder = app::shopFolder(context.paths, name);
    if (!folder) {
        context.exit = report(folder.error(), asJson);
        return;
    }
    engine::ShopStatus status;
    status.name = name;
    status.state = "down";
    auto cluster = engine::LocalCluster::open(
        context.paths, engine::systemClock(),
        {.name = "drillctl shop status", .readOnly = true, .spawn = false});
    if (cluster) {
        const auto running = (*cluster)->shopStatus();
        if (!running) {
            context.exit = report(running.error(), asJson);
            return;
        }
        if (running->name == name)
            status = *running;
    } else if (cluster.error().code != engine::ErrorCode::Unavailable) {
        context.exit = report(cluster.error(), asJson);
        return;
    }
    printStatus(status, asJson);
}

void down(Context &context, const std::string &name, bool asJson)
{
    auto cluster = engine::LocalCluster::open(context.paths, engine::systemClock(),
                                              {.name = "drillctl shop down", .spawn = false});
    // No agent: nothing runs, which is what was asked for.
    if (!cluster && cluster.error().code != engine::ErrorCode::Unavailable) {
        context.exit = report(cluster.error(), asJson);
        return;
    }
    if (cluster) {
        const auto running = (*cluster)->shopStatus();
        if (running && !running->name.empty() && running->name != name) {
            context.exit =
                report({engine::ErrorCode::InvalidInput,
                        "The shop that runs is '" + running->name + "', not '" + name + "'",
                        {}},
                       asJson);
            return;
        }
        if (const auto done = (*cluster)->shopDown(); !done) {
            context.exit = report(done.error(), asJson);
            return;
        }
    }
    if (asJson)
        printJson(json{{"name", name}, {"state", "down"}});
    else
        print(name + " is down\n");
}

void remove(Context &context, const std::string &name, bool asJson)
{
    if (auto done = app::deleteShop(context.paths, name); !done) {
        context.exit = report(done.error(), asJson);
        return;
    }
    if (asJson)
        printJson(json{{"deleted", name}});
    else
        print(name + " is deleted\n");
}

} // namespace

void addShopCommands(CLI::App &app, Context &context)
{
    auto *shop = app.add_subcommand("shop", "Make, start, stop and list shops");
    shop->require_subcommand(1);

    auto options = std::make_shared<CreateOptions>();
    auto *createCommand = shop->add_subcommand("create", "Import or generate data, train, sign");
    createCommand->footer(
        "Formats:  csv    a header, then rows; --columns says which column is what: user and item "
        "are needed,\n"
        "                 time, order, value (quantity), price and title are used where given\n"
        "          pairs  'user item [time]', one event a line\n"
        "          lists  'user item item ...', oldest first\n"
        "Lines that cannot be used are dropped and counted by reason (engine/data/README.md).");
    createCommand->add_option("name", options->name, "Name of the new shop")->required();
    createCommand->add_option("--from", options->from, "synthetic[:tiny|demo|large], or a file")
        ->required();
    createCommand->add_option("--format", options->format, "csv, pairs or lists")
        ->capture_default_str();
    createCommand->add_option("--columns", options->columns,
                              "role=column,... e.g. user=CustomerID,item=StockCode");
    createCommand->add_option("--seed", options->seed, "Seed of everything drawn")
        ->capture_default_str();
    createCommand
        ->add_option("--applications", options->applications,
                     "recommend,search,ads,inventory: what the shop serves; ads and inventory on "
                     "synthetic shops only")
        ->delimiter(',')
        ->capture_default_str();
    createCommand->add_option("--time-limit", options->minutes, "Minutes for the training")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
    createCommand->add_flag("--json", options->json, "The result as JSON");
    createCommand->callback([&context, options] { create(context, *options); });

    struct Named
    {
        std::string name;
        int replicas = 3;
        bool standby = false, json = false;
    };
    auto *listCommand = shop->add_subcommand("list", "The shops of this home");
    auto listed = std::make_shared<Named>();
    listCommand->add_flag("--json", listed->json, "The result as JSON");
    listCommand->callback([&context, listed] { list(context, listed->json); });

    const auto add = [&](const char *command, const char *help, auto run) {
        auto named = std::make_shared<Named>();
        auto *sub = shop->add_subcommand(command, help);
        sub->add_option("name", named->name, "The shop")->required();
        if (std::string_view(command) == "up") {
            sub->add_option("--replicas", named->replicas, "How many replicas")
                ->check(CLI::Range(1, 8))
                ->capture_default_str();
            sub->add_flag("--standby", named->standby,
                          "Also a standby, with the model that served before");
        }
        sub->add_flag("--json", named->json, "The result as JSON");
        sub->callback([&context, named, run] { run(context, *named); });
    };
    add("up", "Start a shop that stays until `shop down`",
        [](Context &c, const Named &n) { up(c, n.name, n.replicas, n.standby, n.json); });
    addAttachCommand(*shop, context);
    add("status", "Processes, models and addresses",
        [](Context &c, const Named &n) { status(c, n.name, n.json); });
    add("down", "Stop a shop", [](Context &c, const Named &n) { down(c, n.name, n.json); });
    add("delete", "Delete a shop and its models",
        [](Context &c, const Named &n) { remove(c, n.name, n.json); });
}

} // namespace ctl
