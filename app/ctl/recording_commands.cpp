#include "app/composition/report.h"
#include "app/ctl/commands.h"
#include "app/ctl/output.h"
#include "app/ctl/run_view.h"
#include "engine/base/files.h"
#include "engine/metrics/window.h"
#include "engine/recording/open.h"
#include "engine/recording/verify.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <set>

namespace ctl {
namespace {

using engine::Result;
using nlohmann::json;

struct Options
{
    std::string file, signer, out, kind;
    bool json = false;
};

Result<int> verify(const Options &options)
{
    engine::VerifyOptions asked;
    asked.signer = options.signer;
    Progress progress;
    asked.goOn = [&progress](double share) {
        progress.line(fmt::format("Verifying: {:.0f} %", share * 100));
        return true;
    };
    const auto report = engine::verifyRecording(options.file, engine::systemClock(), asked);
    progress.clear();
    if (options.json) {
        print(engine::toJson(report) + "\n");
        return report.exitCode;
    }
    print(report.sentence + "\n");
    for (const auto &note : report.notes)
        print("  " + note + "\n");
    return report.exitCode;
}

Result<engine::FoldedRun> fold(const Options &options)
{
    return engine::foldFile(options.file, engine::systemClock());
}

Result<int> verdict(const Options &options)
{
    const auto run = fold(options);
    if (!run)
        return tl::unexpected(run.error());
    const auto result = run->state.verdict();
    if (options.json)
        print(engine::toJson(result) + "\n");
    else
        print(verdictText(result, run->state.run.synthetic));
    return engine::exitCode(result.word);
}

Result<int> events(const Options &options)
{
    const auto run = fold(options);
    if (!run)
        return tl::unexpected(run.error());
    for (const auto &event : run->events) {
        if (!options.kind.empty() && engine::kindName(event.payload) != options.kind)
            continue;
        if (options.json)
            print(engine::toJson(event) + "\n");
        else
            print(fmt::format("{:>5} {:>10.3f} s  {:<9} {}\n", event.seq,
                              static_cast<double>(event.t) / 1e6, engine::kindName(event.payload),
                              engine::describe(event.payload)));
    }
    if (run->eventsLeftOut > 0)
        return engine::fail(engine::ErrorCode::Partial,
                            fmt::format("{} more events are not shown; `drillctl recording export "
                                        "--format jsonl` gives all",
                                        run->eventsLeftOut),
                            options.file);
    return 0;
}

Result<int> series(const Options &options)
{
    std::set<std::string> names;
    DR_RETURN_IF_ERROR(engine::readRows(options.file, engine::systemClock(), INT64_MIN, INT64_MAX,
                                        [&](const engine::RowView &row) {
                                            if (row.names.size() > names.size())
                                                names.insert(row.names.begin(), row.names.end());
                                        }));
    auto all = json::array();
    Table table({"Series", "Unit"});
    for (const auto &name : names) {
        const auto unit = engine::seriesInfo(name).unit;
        all.push_back({{"name", name}, {"unit", unit}});
        table.row({name, unit});
    }
    if (options.json)
        printJson(json{{"series", all}});
    else
        print(table.text());
    return 0;
}

Result<int> writeReport(const Options &options)
{
    const auto html = app::reportOf(options.file);
    if (!html)
        return tl::unexpected(html.error());
    DR_RETURN_IF_ERROR(engine::writeTextAtomically(options.out, *html));
    if (options.json)
        printJson(json{{"report", options.out}});
    else
        print("Report: " + options.out + "\n");
    return 0;
}

Result<int> list(const Context &context, bool asJson)
{
    auto all = json::array();
    Table table({"When", "Drill", "Shop", "Verdict", "File"});
    for (const auto &item :
         engine::listRecordings(context.paths.recordings(), engine::systemClock())) {
        all.push_back({{"file", item.path.string()},
                       {"run", item.run},
                       {"title", item.title},
                       {"shop", item.shop},
                       {"when", item.wall ? json(engine::wallText(item.wall)) : json()},
                       {"seconds", static_cast<double>(item.length) / 1e6},
                       {"closed", item.closed},
                       {"verdict", item.word.empty() ? json() : json(item.word)},
                       {"problem", item.problem}});
        table.row({item.wall ? engine::wallText(item.wall) : "", item.title, item.shop,
                   !item.problem.empty() ? item.problem
                   : item.word.empty()   ? "unfinished"
                                         : item.word,
                   item.path.string()});
    }
    if (asJson)
        printJson(json{{"recordings", all}});
    else
        print(all.empty() ? std::string("No recording yet.\n") : table.text());
    return 0;
}

} // namespace

void addRecordingCommands(CLI::App &app, Context &context)
{
    auto *recording = app.add_subcommand("recording", "Verify and read recordings");
    recording->require_subcommand(1);
    const auto add = [&context](CLI::App &parent, const char *name, const char *help, auto run) {
        auto options = std::make_shared<Options>();
        auto *sub = parent.add_subcommand(name, help);
        sub->add_option("file", options->file, "The recording (.drl)")->required();
        sub->add_flag("--json", options->json, "The result as JSON");
        sub->callback([&context, options, run] {
            const auto exit = run(*options);
            context.exit = exit ? *exit : ctl::report(exit.error(), options->json);
        });
        return std::pair(sub, options);
    };
    auto [verifySub, verifyOptions] =
        add(*recording, "verify",
            "Is it whole and unchanged? 0 sound, 3 unclosed, 4 unreadable, 5 changed", verify);
    verifySub->add_option("--signer", verifyOptions->signer,
                          "Public key (hex) that must have sealed it");
    add(*recording, "verdict", "The verdict, folded again from the file; exits as the run did",
        verdict);
    auto [eventsSub, eventsOptions] = add(*recording, "events", "What happened, in order", events);
    eventsSub->add_option("--kind", eventsOptions->kind,
                          "Only this kind: fault, process, response ...");
    add(*recording, "series", "The series it holds", series);
    addExportCommands(*recording, context);
    auto listJson = std::make_shared<bool>(false);
    auto *listSub = recording->add_subcommand("list", "The recordings of this home");
    listSub->add_flag("--json", *listJson, "The result as JSON");
    listSub->callback([&context, listJson] {
        const auto exit = list(context, *listJson);
        context.exit = exit ? *exit : ctl::report(exit.error(), *listJson);
    });
    auto [reportSub, reportOptions] =
        add(app, "report", "One HTML page of a recording", writeReport);
    reportSub->add_option("--out", reportOptions->out, "The page to write (.html)")->required();
}

} // namespace ctl
