#include "app/ctl/commands.h"
#include "app/ctl/output.h"
#include "engine/recording/export.h"
#include "engine/recording/trim.h"

#include <charconv>
#include <cmath>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace ctl {
namespace {

using engine::Result;
using nlohmann::json;

struct Options
{
    std::string file, format, out, range, every = "1s";
    std::vector<std::string> series;
    bool json = false;
};

tl::unexpected<engine::Error> badTime(const std::string &text)
{
    return engine::fail(engine::ErrorCode::Usage,
                        "`" + text
                            + "` is no time; write seconds since the start of the run, or "
                              "with a unit: 90, 12.5s, 2m, 1h");
}

/// Microseconds of "90", "12.5s", "-3s", "2m", "1h".
Result<std::int64_t> timeOf(const std::string &text)
{
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const std::string unit(end, text.data() + text.size());
    const double scale = unit.empty() || unit == "s" ? 1
                         : unit == "m"               ? 60
                         : unit == "h"               ? 3600
                                                     : 0;
    if (error != std::errc() || scale == 0 || !(std::abs(value * scale) < 1e9))
        return badTime(text);
    return std::llround(value * scale * 1e6);
}

/// "A..B"; a missing end is the recording's own.
Result<std::pair<std::int64_t, std::int64_t>> rangeOf(const std::string &text)
{
    std::pair<std::int64_t, std::int64_t> range(INT64_MIN, INT64_MAX);
    if (text.empty())
        return range;
    const auto dots = text.find("..");
    if (dots == std::string::npos)
        return engine::fail(engine::ErrorCode::Usage,
                            "`" + text + "` is no range; write FROM..TO, say 10s..45s");
    const auto from = text.substr(0, dots), to = text.substr(dots + 2);
    if (!from.empty()) {
        const auto t = timeOf(from);
        if (!t)
            return tl::unexpected(t.error());
        range.first = *t;
    }
    if (!to.empty()) {
        const auto t = timeOf(to);
        if (!t)
            return tl::unexpected(t.error());
        range.second = *t;
    }
    if (range.first >= range.second)
        return engine::fail(engine::ErrorCode::Usage,
                            "The range " + text + " ends before it starts");
    return range;
}

double asSeconds(std::int64_t t)
{
    return static_cast<double>(t) / 1e6;
}

Result<int> exportFile(const Options &options)
{
    const auto format = engine::exportFormat(options.format);
    const auto range = rangeOf(options.range);
    const auto every = timeOf(options.every);
    if (!range || !every)
        return tl::unexpected(range ? every.error() : range.error());
    if (!format || *every < 100'000)
        return engine::fail(engine::ErrorCode::Usage,
                            format ? "--every takes 0.1s or more"
                                   : "--format takes csv, jsonl, perfetto, prometheus or "
                                     "openmetrics");
    engine::ExportOptions asked;
    asked.format = *format;
    asked.out = options.out;
    std::tie(asked.from, asked.to) = *range;
    asked.series = options.series;
    asked.every = *every;
    Progress progress;
    asked.goOn = [&progress](double share) {
        progress.line(fmt::format("Exporting: {:.0f} %", share * 100));
        return true;
    };
    const auto report = engine::exportRecording(options.file, asked, engine::systemClock());
    progress.clear();
    if (!report)
        return tl::unexpected(report.error());
    auto files = json::array();
    for (const auto &file : report->files)
        files.push_back(file.string());
    if (options.json) {
        printJson(json{{"files", files},
                       {"events", report->events},
                       {"rows", report->rows},
                       {"notes", report->notes}});
        return 0;
    }
    print(fmt::format("{} events and {} rows:\n", report->events, report->rows));
    for (const auto &file : report->files)
        print("  " + file.string() + "\n");
    for (const auto &note : report->notes)
        print("  " + note + "\n");
    return 0;
}

Result<int> trim(const Options &options)
{
    const auto range = rangeOf(options.range);
    if (!range)
        return tl::unexpected(range.error());
    const auto report = engine::trimRecording(options.file, range->first, range->second,
                                              options.out, engine::systemClock());
    if (!report)
        return tl::unexpected(report.error());
    if (options.json) {
        printJson(json{{"file", options.out},
                       {"from_s", asSeconds(report->from)},
                       {"to_s", asSeconds(report->to)},
                       {"batches", report->kept},
                       {"linked_batches", report->linked},
                       {"sealed", report->isSealed}});
        return report->isSealed ? 0 : 3;
    }
    print(fmt::format("{:.1f} s to {:.1f} s (whole batches, from the keyframe before): {}\n",
                      asSeconds(report->from), asSeconds(report->to), options.out));
    if (!report->isSealed)
        print("  The original has no seal behind this part: nobody vouches for it\n");
    return report->isSealed ? 0 : 3;
}

template <class Run>
auto addCommand(CLI::App &parent, Context &context, const char *name, const char *help, Run run)
{
    auto options = std::make_shared<Options>();
    auto *sub = parent.add_subcommand(name, help);
    sub->add_option("file", options->file, "The recording (.drl)")->required();
    sub->add_option("--out", options->out, "The file to write")->required();
    sub->add_flag("--json", options->json, "The result as JSON");
    sub->callback([&context, options, run] {
        const auto exit = run(*options);
        context.exit = exit ? *exit : ctl::report(exit.error(), options->json);
    });
    return std::pair(sub, options);
}

} // namespace

void addExportCommands(CLI::App &recording, Context &context)
{
    auto [exportSub, exportOptions] = addCommand(
        recording, context, "export",
        "Series and events for other programs: spreadsheets, ui.perfetto.dev, Prometheus",
        exportFile);
    exportSub
        ->add_option("--format", exportOptions->format,
                     "csv (events beside it in .events.csv), jsonl, perfetto, prometheus, "
                     "openmetrics")
        ->required();
    exportSub->add_option("--range", exportOptions->range,
                          "FROM..TO since the start, say 10s..45s");
    exportSub->add_option("--series", exportOptions->series, "Only these, separated by commas")
        ->delimiter(',');
    exportSub->add_option("--every", exportOptions->every,
                          "prometheus, openmetrics: one sample per so much time (1s)");
    auto [trimSub, trimOptions] = addCommand(
        recording, context, "trim",
        "Cut a part out that `verify` still proves. Exits 3 if nobody sealed the original", trim);
    trimSub->add_option("range", trimOptions->range, "FROM..TO since the start, say 10s..45s")
        ->required();
}

} // namespace ctl
