// drillctl compare A B ...: the measures of runs side by side, the first one is what the others are
// compared with.

#include "app/ctl/commands.h"
#include "app/ctl/output.h"
#include "engine/drill/drill.h"
#include "engine/recording/open.h"

#include <filesystem>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace ctl {
namespace {

using engine::Result;
using nlohmann::json;

struct Run
{
    std::string file, name, drill, shop;
    engine::Verdict verdict;
    bool synthetic = false, closed = false;
};

Result<Run> read(const std::string &file)
{
    auto folded = engine::foldFile(file, engine::systemClock());
    if (!folded)
        return tl::unexpected(folded.error());
    Run run;
    run.file = file;
    run.name = std::filesystem::path(file).stem().string();
    run.verdict = folded->state.verdict();
    run.shop = folded->state.run.shop;
    run.synthetic = folded->state.run.synthetic;
    run.closed = folded->closed;
    if (const auto drill = engine::fromCanonicalJson(folded->state.run.drill))
        run.drill = drill->title;
    return run;
}

/// A line of the table: how to read it of a run, and how to write it.
struct Line
{
    std::string name, unit;
    std::function<std::optional<double>(const Run &)> value;
    int decimals = 2;
    double scale = 1;
};

std::optional<double> since(const Run &run, const std::optional<std::int64_t> &mark)
{
    const auto &inject = run.verdict.marks.inject;
    if (!mark || !inject)
        return std::nullopt;
    return static_cast<double>(*mark - *inject) / 1e6;
}

std::vector<Line> lines()
{
    const auto of = [](auto member) {
        return [member](const Run &run) -> std::optional<double> { return run.verdict.*member; };
    };
    const auto count = [](auto member) {
        return [member](const Run &run) -> std::optional<double> {
            return static_cast<double>(run.verdict.*member);
        };
    };
    const auto mark = [](auto member) {
        return [member](const Run &run) { return since(run, run.verdict.marks.*member); };
    };
    using V = engine::Verdict;
    using M = engine::Marks;
    return {{"rto", "s", of(&V::rtoSeconds), 1},
            {"budget", "%", of(&V::budget), 3, 100},
            {"quality", "", of(&V::quality), 4},
            {"rpo", "events", of(&V::rpoEvents), 0},
            {"undo", "s", of(&V::undoSeconds), 1},
            {"impact", "s after inject", mark(&M::impact), 1},
            {"detect", "s after inject", mark(&M::detect), 1},
            {"mitigate", "s after inject", mark(&M::mitigate), 1},
            {"clear", "s after inject", mark(&M::clear), 1},
            {"steady", "s after inject", mark(&M::steady), 1},
            {"episodes", "", count(&V::episodes), 0},
            {"requests", "", count(&V::requests), 0},
            {"failed", "", count(&V::failed), 0},
            {"late", "", count(&V::late), 0}};
}

std::string cell(const Line &line, std::optional<double> value, std::optional<double> first)
{
    if (!value)
        return "-";
    const double own = *value * line.scale;
    std::string text = fmt::format("{:.{}f}", own, line.decimals);
    if (first && *first != *value)
        text += fmt::format(" ({:+.{}f})", own - *first * line.scale, line.decimals);
    return text;
}

std::string table(const std::vector<Run> &runs)
{
    std::vector<std::string> head{"Measure", "Unit"};
    std::vector<bool> right{false, false};
    for (const auto &run : runs) {
        head.push_back(run.name);
        right.push_back(true);
    }
    Table table(head, right);
    const auto words = [&](const char *name, auto word) {
        std::vector<std::string> row{name, ""};
        for (const auto &run : runs)
            row.push_back(word(run));
        table.row(std::move(row));
    };
    words("verdict", [](const Run &run) { return std::string(engine::name(run.verdict.word)); });
    words("drill", [](const Run &run) { return run.drill.empty() ? "-" : run.drill; });
    words("shop", [](const Run &run) { return run.shop + (run.synthetic ? " (synthetic)" : ""); });
    for (const auto &line : lines()) {
        std::vector<std::string> row{line.name, line.unit};
        const auto first = line.value(runs.front());
        for (std::size_t i = 0; i < runs.size(); ++i)
            row.push_back(cell(line, line.value(runs[i]), i ? first : std::nullopt));
        table.row(std::move(row));
    }
    return table.text();
}

json asJson(const std::vector<Run> &runs)
{
    auto all = json::array();
    for (const auto &run : runs)
        all.push_back({{"file", run.file},
                       {"drill", run.drill},
                       {"shop", run.shop},
                       {"synthetic", run.synthetic},
                       {"closed", run.closed},
                       {"verdict", json::parse(engine::toJson(run.verdict))}});
    auto measures = json::array();
    for (const auto &line : lines()) {
        auto values = json::array();
        auto deltas = json::array();
        const auto first = line.value(runs.front());
        for (const auto &run : runs) {
            const auto value = line.value(run);
            values.push_back(value ? json(*value) : json());
            deltas.push_back(value && first ? json(*value - *first) : json());
        }
        measures.push_back({{"name", line.name}, {"values", values}, {"deltas", deltas}});
    }
    return {{"runs", all}, {"measures", measures}};
}

Result<> compare(const std::vector<std::string> &files, bool wantsJson)
{
    std::vector<Run> runs;
    for (const auto &file : files) {
        auto run = read(file);
        if (!run)
            return tl::unexpected(run.error());
        runs.push_back(std::move(*run));
    }
    if (wantsJson) {
        printJson(asJson(runs));
        return {};
    }
    print(table(runs));
    for (std::size_t i = 1; i < runs.size(); ++i)
        if (runs[i].drill != runs[0].drill || runs[i].shop != runs[0].shop)
            print(runs[i].name + " is another drill or shop than " + runs[0].name
                  + ": differences are not only the system's\n");
    print("In brackets: difference to the first. One run each, so no interval: a difference may be "
          "chance.\n");
    return {};
}

} // namespace

void addCompareCommand(CLI::App &app, Context &context)
{
    auto files = std::make_shared<std::vector<std::string>>();
    auto wantsJson = std::make_shared<bool>(false);
    auto *sub = app.add_subcommand("compare", "The measures of runs side by side");
    sub->add_option("files", *files, "Recordings; the first is what the others are compared with")
        ->required()
        ->expected(2, 16);
    sub->add_flag("--json", *wantsJson, "The result as JSON");
    sub->callback([&context, files, wantsJson] {
        if (const auto done = compare(*files, *wantsJson); !done)
            context.exit = report(done.error(), *wantsJson);
    });
}

} // namespace ctl
