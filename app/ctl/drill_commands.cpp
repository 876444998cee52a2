#include "app/composition/attach.h"
#include "app/composition/drill_run.h"
#include "app/ctl/commands.h"
#include "app/ctl/interrupt.h"
#include "app/ctl/output.h"
#include "app/ctl/run_view.h"
#include "engine/drill/attached_targets.h"
#include "engine/recording/open.h"

#include <atomic>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace ctl {
namespace {

using nlohmann::json;

struct RunOptions
{
    std::string drill, shop = "demo", record;
    std::vector<std::string> set, without;
    std::uint64_t seed = 1;
    int retryNoise = 0;
    bool json = false, unsafe = false;
};

struct FileOptions
{
    std::string drill;
    std::string shop; ///< lint: also whether it can be done there
    bool json = false;
};

/// Draws the newest row of the recording, twice a second, while the run goes on.
class LiveLine
{
public:
    explicit LiveLine(Progress &progress) : m_progress(progress) {}
    ~LiveLine() { stop(); }
    LiveLine(const LiveLine &) = delete;
    LiveLine &operator=(const LiveLine &) = delete;

    void follow(const std::filesystem::path &file)
    {
        stop();
        if (!m_progress.visible())
            return;
        m_thread = std::jthread([this, file](std::stop_token token) {
            const auto timeline = engine::openTimeline(file, true, engine::systemClock());
            while (engine::systemClock().waitUntil(
                engine::systemClock().now() + std::chrono::milliseconds(500), token))
                m_progress.line(liveLine(*timeline->snapshot()->state));
        });
    }
    void stop()
    {
        m_thread = {};
        m_progress.clear();
    }

private:
    Progress &m_progress;
    std::jthread m_thread;
};

void run(Context &context, const RunOptions &options)
{
    app::DrillOrder order;
    order.drill = options.drill;
    order.shop = options.shop;
    order.seed = options.seed;
    order.record = options.record;
    order.without = options.without;
    order.unsafe = options.unsafe;
    order.retryNoise = options.retryNoise;
    for (const auto &text : options.set)
        if (const auto added = engine::addOverride(order.overrides, text); !added) {
            context.exit = report(added.error(), options.json);
            return;
        }
    const Interrupt interrupt;
    Progress progress;
    LiveLine line(progress);
    auto cluster = engine::LocalCluster::open(context.paths, engine::systemClock(),
                                              {.name = "drillctl drill run"});
    if (!cluster) {
        context.exit = report(cluster.error(), options.json);
        return;
    }
    progress.line("starting the shop");
    app::DrillHooks hooks;
    hooks.recording = [&](const std::filesystem::path &file) { line.follow(file); };
    const auto outcome = app::runDrill(**cluster, context.paths, engine::systemClock(), order,
                                       hooks, interrupt.token());
    line.stop();
    if (!outcome) {
        context.exit = report(outcome.error(), options.json);
        return;
    }
    if (outcome->noisy > 0)
        std::fprintf(stderr, "drillctl: %d run(s) repeated because this host was too busy\n",
                     outcome->noisy);
    if (options.json) {
        print(engine::toJson(outcome->verdict) + "\n");
        std::fprintf(stderr, "Recording: %s\n", outcome->recording.c_str());
    } else {
        print(verdictText(outcome->verdict, outcome->synthetic));
        print("Recording: " + outcome->recording.string() + "\n");
    }
    context.exit = engine::exitCode(outcome->verdict.word);
}

void list(Context &context, bool asJson)
{
    auto all = json::array();
    Table table({"Drill", "Title", "Length", "Tags", ""}, {false, false, true});
    for (const auto &item : engine::listDrills(context.paths.drills)) {
        std::string tags;
        for (const auto &tag : item.drill.tags)
            tags += (tags.empty() ? "" : ", ") + tag;
        const double seconds = static_cast<double>(item.drill.load.length.count()) / 1e6;
        all.push_back({{"id", item.id},
                       {"path", item.path},
                       {"title", item.drill.title},
                       {"description", item.drill.description},
                       {"length_s", seconds},
                       {"tags", item.drill.tags},
                       {"error", item.error}});
        table.row({item.id, item.drill.title, fmt::format("{:.0f} s", seconds), tags, item.error});
    }
    if (asJson)
        printJson(json{{"drills", all}});
    else
        print(table.text());
}

engine::Result<engine::Drill> find(Context &context, const std::string &name)
{
    const auto path = engine::findDrill(name, context.paths.drills);
    if (!path)
        return tl::unexpected(path.error());
    return engine::readDrill(*path);
}

void show(Context &context, const FileOptions &options)
{
    const auto drill = find(context, options.drill);
    if (!drill) {
        context.exit = report(drill.error(), options.json);
        return;
    }
    print(options.json ? engine::toCanonicalJson(*drill) + "\n" : drill->sourceText);
}

void lintFile(Context &context, const FileOptions &options)
{
    const auto drill = find(context, options.drill);
    if (!drill) {
        context.exit = report(drill.error(), options.json);
        return;
    }
    auto lines = engine::lint(*drill);
    if (!options.shop.empty()) {
        const auto names = app::attachedTargets(context.paths, options.shop);
        if (!names) {
            context.exit = report(names.error(), options.json);
            return;
        }
        for (const auto &[step, why] :
             engine::unreachableSteps(*drill, {names->begin(), names->end()}))
            lines.push_back({"not available on " + options.shop, false, why, step->place});
    }
    auto all = json::array();
    for (const auto &line : lines) {
        all.push_back({{"subject", line.subject},
                       {"ok", line.ok},
                       {"text", line.text},
                       {"line", line.place.line},
                       {"column", line.place.column}});
        if (!options.json)
            print(fmt::format("{}  {}: {}\n", line.ok ? "ok  " : "hint", line.subject, line.text));
    }
    if (options.json)
        printJson(json{{"lint", all}});
}

void create(Context &context, const FileOptions &options)
{
    // A new drill is a copy of the first one: a file that runs is the best explanation of the
    // format.
    const auto model = engine::findDrill("01-ranker-crash", context.paths.drills);
    std::error_code error;
    if (model && !std::filesystem::copy_file(*model, options.drill, error)) {
        context.exit = report({error ? engine::ErrorCode::Io : engine::ErrorCode::InvalidInput,
                               "Cannot write the new drill: " + error.message(), options.drill},
                              options.json);
        return;
    }
    print(options.drill + " is a copy of 01-ranker-crash; drills/README.md explains every key\n");
}

} // namespace

void addDrillCommands(CLI::App &app, Context &context)
{
    auto *drill = app.add_subcommand("drill", "List, check and run drills");
    drill->require_subcommand(1);

    auto options = std::make_shared<RunOptions>();
    auto *runCommand = drill->add_subcommand("run", "Run a drill and judge it");
    runCommand->footer(
        "Exit codes: 0 PASS, 1 FAIL, 3 INCONCLUSIVE, 6 ABORTED or ERRORED.\n"
        "Ctrl+C aborts and undoes everything; a second one leaves that to the agent.");
    runCommand->add_option("drill", options->drill, "A name of the library, or a file")->required();
    runCommand->add_option("--shop", options->shop, "The shop to break")->capture_default_str();
    runCommand->add_option("--seed", options->seed, "Seed of traffic and faults")
        ->capture_default_str();
    runCommand->add_option("--record", options->record, "File of the recording (.drl)");
    runCommand->add_option("--set", options->set,
                           "key=value: configuration, length, hold, rate ...");
    runCommand->add_option("--without", options->without, "Switch responses off: names, or 'key'")
        ->delimiter(',');
    runCommand
        ->add_option("--retry-noise", options->retryNoise, "Repeat runs that a busy host spoilt")
        ->check(CLI::Range(0, 20));
    runCommand->add_flag("--unsafe", options->unsafe,
                         "Allow --without verification: models that nobody vouches for (synthetic "
                         "shops only)");
    runCommand->add_flag("--json", options->json, "The verdict as JSON");
    runCommand->callback([&context, options] { run(context, *options); });

    auto listJson = std::make_shared<bool>(false);
    auto *listCommand = drill->add_subcommand("list", "The drill library");
    listCommand->add_flag("--json", *listJson, "The result as JSON");
    listCommand->callback([&context, listJson] { list(context, *listJson); });

    const auto add = [&](const char *name, const char *help, auto what) {
        auto file = std::make_shared<FileOptions>();
        auto *sub = drill->add_subcommand(name, help);
        sub->add_option("drill", file->drill, "A name of the library, or a file")->required();
        if (std::string_view(name) == "lint")
            sub->add_option("--shop", file->shop, "Also look whether it can be done on this shop");
        sub->add_flag("--json", file->json, "The result as JSON");
        sub->callback([&context, file, what] { what(context, *file); });
    };
    add("show", "The file, or its resolved form with --json", show);
    add("lint", "Errors with line and column, then hints", lintFile);
    add("new", "Write a new drill file to start from", create);
}

} // namespace ctl
