#include "app/composition/backups.h"
#include "app/ctl/commands.h"
#include "app/ctl/output.h"
#include "engine/agent/local_cluster.h"
#include "engine/base/clock.h"

#include <charconv>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <optional>

namespace ctl {
namespace {

using nlohmann::json;

std::string megabytes(std::uint64_t bytes)
{
    return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / (1 << 20));
}

void list(Context &context, const std::string &shop, bool asJson)
{
    const auto found = app::shopBackups(context.paths, shop);
    if (!found) {
        context.exit = report(found.error(), asJson);
        return;
    }
    auto backups = json::array(), segments = json::array();
    Table table({"Made", "Up to event", "Size", "Timeline", "File"}, {false, true, true, true});
    for (const auto &backup : found->backups) {
        backups.push_back({{"seq", backup.seq},
                           {"timeline", backup.timeline},
                           {"made", engine::wallText(backup.at)},
                           {"bytes", backup.bytes},
                           {"sha256", backup.sha256},
                           {"file", backup.file.string()}});
        table.row({engine::wallText(backup.at), std::to_string(backup.seq), megabytes(backup.bytes),
                   std::to_string(backup.timeline), backup.file.string()});
    }
    std::uint64_t logBytes = 0;
    for (const auto &segment : found->segments) {
        logBytes += segment.bytes;
        segments.push_back({{"first_seq", segment.first},
                            {"timeline", segment.timeline},
                            {"bytes", segment.bytes},
                            {"file", segment.file.string()}});
    }
    if (asJson)
        printJson(json{{"backups", backups}, {"log_segments", segments}});
    else if (found->backups.empty())
        print(fmt::format("{0} has no backup yet; its store makes the first when it starts: "
                          "drillctl shop up {0}\n",
                          shop));
    else
        print(table.text()
              + fmt::format("and {} segments of the log, {}\n", found->segments.size(),
                            megabytes(logBytes)));
}

void make(Context &context, const std::string &shop, bool asJson)
{
    Progress progress;
    progress.line("backing up " + shop);
    const auto backup = app::backUpShop(context.paths, shop);
    progress.clear();
    if (!backup) {
        context.exit = report(backup.error(), asJson);
        return;
    }
    if (asJson)
        printJson(json{{"file", backup->file}, {"seq", backup->seq}, {"bytes", backup->bytes}});
    else
        print(fmt::format("Everything up to event {} is in {} ({})\n", backup->seq, backup->file,
                          megabytes(backup->bytes)));
}

void restore(Context &context, const std::string &shop, const std::string &point, bool asJson)
{
    Progress progress;
    progress.line("restoring " + shop);
    const auto restored = app::restoreShop(context.paths, shop, point);
    progress.clear();
    if (!restored) {
        context.exit = report(restored.error(), asJson);
        return;
    }
    if (asJson)
        printJson(json{{"seq", restored->seq},
                       {"backup", restored->backup},
                       {"backup_seq", restored->backupSeq},
                       {"from_log", restored->fromLog},
                       {"newest_seq", restored->newestSeq},
                       {"timeline", restored->timeline},
                       {"took_s", static_cast<double>(restored->took.count()) / 1e6},
                       {"notes", restored->notes}});
    else
        print(engine::describe(*restored) + ".\n");
    if (!restored->notes.empty())
        context.exit = engine::exitCode(engine::ErrorCode::Partial);
}

/// "400", "400/s" or "400 /s"
std::optional<double> rateOf(std::string text)
{
    if (text.ends_with("/s"))
        text.resize(text.size() - 2);
    while (text.ends_with(' '))
        text.pop_back();
    double rate = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), rate);
    if (code != std::errc() || end != text.data() + text.size())
        return {};
    return rate;
}

void setRate(Context &context, const std::string &shop, const std::string &text, bool asJson)
{
    const auto rate = rateOf(text);
    if (!rate) {
        context.exit = report(
            {engine::ErrorCode::Usage, "'" + text + "' is no rate; write it as 400/s", {}}, asJson);
        return;
    }
    auto cluster = engine::LocalCluster::open(
        context.paths, engine::systemClock(),
        {.name = "drillctl shop rate", .readOnly = true, .spawn = false});
    const auto set = [&]() -> engine::Result<> {
        if (!cluster)
            return tl::unexpected(cluster.error());
        const auto status = (*cluster)->shopStatus();
        if (!status)
            return tl::unexpected(status.error());
        if (status->name != shop)
            return engine::fail(engine::ErrorCode::NotFound,
                                fmt::format("The shop {} does not run", shop));
        return (*cluster)->setRate(*rate);
    }();
    if (!set)
        context.exit = report(set.error(), asJson);
    else if (asJson)
        printJson(json{{"rate_per_s", *rate}});
    else
        print(fmt::format("The load of {} is now {:g} requests/s\n", shop, *rate));
}

} // namespace

void addBackupCommands(CLI::App &app, Context &context)
{
    auto *shop = app.get_subcommand("shop");
    struct Options
    {
        std::string name, point = "newest";
        bool json = false;
    };
    const auto add = [&](const char *command, const char *help, auto run) {
        auto options = std::make_shared<Options>();
        auto *sub = shop->add_subcommand(command, help);
        sub->add_option("name", options->name, "The shop")->required();
        if (std::string_view(command) == "restore")
            sub->add_option("--to", options->point,
                            "newest, a sequence number, or a time such as 2026-11-22T14:03:07Z")
                ->capture_default_str();
        sub->add_flag("--json", options->json, "The result as JSON");
        sub->callback([&context, options, run] { run(context, *options); });
    };
    add("backups", "The backups of a shop's store",
        [](Context &c, const Options &o) { list(c, o.name, o.json); });
    add("backup", "Back up the store of the running shop now",
        [](Context &c, const Options &o) { make(c, o.name, o.json); });
    add("restore", "Restore the store of a stopped shop from backup and log",
        [](Context &c, const Options &o) { restore(c, o.name, o.point, o.json); });
    auto options = std::make_shared<Options>();
    auto *rate =
        shop->add_subcommand("rate", "Change the rate of the load that runs; the recording "
                                     "notes it");
    rate->add_option("name", options->name, "The shop")->required();
    rate->add_option("rate", options->point, "Requests per second, e.g. 400/s")->required();
    rate->add_flag("--json", options->json, "The result as JSON");
    rate->callback(
        [&context, options] { setRate(context, options->name, options->point, options->json); });
}

} // namespace ctl
