#include "app/ctl/commands.h"
#include "app/ctl/interrupt.h"
#include "app/ctl/output.h"
#include "engine/recording/recording_bench.h"
#include "engine/recording/sample_recording.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace ctl {
namespace {

using engine::Result;
using nlohmann::json;

struct Options
{
    engine::SampleOptions sample;
    engine::BenchOptions bench;
    std::string file;
    bool json = false;
};

Result<int> makeRecording(const Context &context, Options &options)
{
    auto key = engine::SigningKey::loadOrCreate(context.paths.signingKey());
    if (!key)
        return tl::unexpected(key.error());
    options.sample.key = &*key;
    const Interrupt interrupt;
    Progress progress;
    const auto made = engine::makeSampleRecording(
        options.file, options.sample, engine::systemClock(), interrupt.token(),
        [&](double done) { progress.line(fmt::format("{:5.1f} %", done * 100)); });
    progress.clear();
    if (!made)
        return tl::unexpected(made.error());
    if (options.json)
        printJson(json{{"file", options.file},
                       {"rows", made->rows},
                       {"events", made->events},
                       {"bytes", made->bytes},
                       {"seconds", made->seconds}});
    else
        print(fmt::format("{}: {} rows, {} events, {:.1f} MB, made in {:.1f} s\n", options.file,
                          made->rows, made->events, static_cast<double>(made->bytes) / 1e6,
                          made->seconds));
    return 0;
}

Result<int> measureRecording(const Options &options)
{
    Progress progress;
    const auto bench =
        engine::benchRecording(options.file, options.bench, engine::systemClock(),
                               [&](const std::string &line) { progress.line(line); });
    progress.clear();
    if (!bench)
        return tl::unexpected(bench.error());
    if (!options.json) {
        print(engine::benchText(*bench));
        return 0;
    }
    auto lines = json::array();
    for (const auto &line : bench->lines)
        lines.push_back({{"what", line.what},
                         {"cold", line.isCold},
                         {"runs", line.runs},
                         {"p50_ms", line.p50},
                         {"p95_ms", line.p95},
                         {"p99_ms", line.p99},
                         {"max_ms", line.most},
                         {"cpu_p95_ms", line.cpu},
                         {"rows", line.rows},
                         {"chunks", line.chunks},
                         {"sketches", line.sketches},
                         {"bytes", line.bytes}});
    printJson(json{{"queries", lines},
                   {"hours", bench->hours},
                   {"megabytes", bench->megabytes},
                   {"events", bench->events},
                   {"open_ms", bench->openMillis},
                   {"drawn_ms", bench->drawnMillis},
                   {"scrub_hz", bench->scrubHz},
                   {"scrub_lag_ms", bench->scrubLagMillis},
                   {"check_s", bench->checkSeconds < 0 ? json() : json(bench->checkSeconds)},
                   {"problem", bench->problem}});
    return 0;
}

} // namespace

void addBenchCommands(CLI::App &app, Context &context)
{
    auto *bench = app.add_subcommand("bench", "Make recordings to measure with, and measure");
    bench->require_subcommand(1);
    addBenchShopCommand(*bench, context);
    auto options = std::make_shared<Options>();
    auto &sample = options->sample;
    auto *make = bench->add_subcommand(
        "make-recording", "A made-up recording of any length, far faster than it would last");
    make->add_option("--hours", sample.hours, "How long it lasts")->capture_default_str();
    make->add_option("--series", sample.series, "Columns of its rows")->capture_default_str();
    make->add_option("--rate", sample.rate, "Rows per second: 1, 2, 5 or 10")
        ->capture_default_str();
    make->add_option("--events", sample.eventsPerSecond, "Events per second")
        ->capture_default_str();
    make->add_option("--seed", sample.seed, "The same seed makes the same rows and events")
        ->capture_default_str();
    make->add_option("--out", options->file, "The recording to make (.drl); must not be there")
        ->required();
    make->add_flag("--json", options->json, "The result as JSON");
    make->callback([&context, options] {
        const auto exit = makeRecording(context, *options);
        context.exit = exit ? *exit : ctl::report(exit.error(), options->json);
    });
    auto *measure = bench->add_subcommand(
        "recording", "Seek, zoom, opening and scrubbing times of a closed recording");
    measure->add_option("file", options->file, "The recording (.drl)")->required();
    measure->add_option("--runs", options->bench.runs, "Queries of each kind")
        ->check(CLI::Range(1, 10'000))
        ->capture_default_str();
    measure->add_flag("--check", options->bench.checkAll,
                      "Also how long the check from the first event on takes");
    measure->add_flag("--json", options->json, "The result as JSON");
    measure->callback([&context, options] {
        const auto exit = measureRecording(*options);
        context.exit = exit ? *exit : ctl::report(exit.error(), options->json);
    });
}

} // namespace ctl
