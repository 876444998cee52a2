// drillctl eval, recommend, rank, predict, forecast: a package outside of any shop is judged, or
// answers a file.

#include "app/ctl/commands.h"
#include "app/ctl/model_job_run.h"

#include <fmt/format.h>

namespace ctl {
namespace {

using nlohmann::json;

struct Options
{
    app::ModelJob job;
    bool json = false;
};

std::string countsText(const json &result)
{
    std::string text;
    for (const auto &[what, count] : partOf(result, "counts").items())
        text += fmt::format("{}: {}\n", what, count.get<std::uint64_t>());
    return text;
}

std::string evaluatedText(const json &result)
{
    auto text = metricsText(result);
    for (const auto &[name, segment] : partOf(result, "segments").items())
        text += fmt::format("\n{} ({} users)\n{}", name, segment.value("users", 0),
                            metricsText(segment));
    text += fmt::format("\n{} users, {:.1f} s\n", result.value("users", std::uint64_t{0}),
                        result.value("seconds", 0.0));
    return text + countsText(result);
}

std::string answeredText(const json &result)
{
    return fmt::format("{}: {} lines, {:.1f} s\n", result.value("out", ""),
                       result.value("rows", std::uint64_t{0}), result.value("seconds", 0.0))
           + countsText(result);
}

/// A command with --model, the options of data and --json; the rest is added by the caller.
std::pair<CLI::App *, std::shared_ptr<Options>> add(CLI::App &app, Context &context,
                                                    const char *name, const char *help)
{
    const auto options = std::make_shared<Options>();
    options->job.command = name;
    auto *command = app.add_subcommand(name, help);
    command->add_option("--model", options->job.model, "The package (a folder)")->required();
    addDataOptions(*command, options->job);
    command->add_flag("--json", options->json, "The result as JSON");
    const bool judges = std::string_view(name) == "eval";
    command->callback([&context, options, judges] {
        runModelJob(context, options->job, options->json, judges ? evaluatedText : answeredText);
    });
    return {command, options};
}

} // namespace

void addAnswerCommands(CLI::App &app, Context &context)
{
    {
        auto [command, options] =
            add(app, context, "eval", "Judge a package: full ranking, ties against the model");
        command->add_option("--train", options->job.train,
                            "What was known before the test: the histories, masked");
        command->add_option("--test", options->job.test, "What came next, or labelled rows")
            ->required();
        command->add_option("--products", options->job.products, "The catalogue (search)");
        command->footer(
            "Recommenders: ndcg, hr, recall @10 and @20, mrr over all items, the history masked, "
            "with 95 % bootstrap\nintervals; coverage@20 = share of the catalogue in some list. "
            "head, torso, tail: test items among the most\ntaken that make up the first, second, "
            "last third of --train; cold: users with fewer than 5 known items.\nTest items that "
            "the model does not know count as missed.");
    }
    const auto addOut = [](CLI::App &command, Options &options, const char *help) {
        command.add_option("--out", options.job.out, help)->required();
    };
    {
        auto [command, options] =
            add(app, context, "recommend", "Lists of items for histories, the history left out");
        command
            ->add_option("--histories", options->job.in,
                         "'user item item ...' lines, oldest first; or pairs, csv")
            ->required();
        command->add_option("--k", options->job.k, "Items a user")
            ->check(CLI::Range(1, 100'000))
            ->capture_default_str();
        addOut(*command, *options, "'user item item ...', best first");
    }
    {
        auto [command, options] = add(app, context, "rank", "Products for queries");
        options->job.k = 100;
        command->add_option("--queries", options->job.in, "One query a line")->required();
        command->add_option("--k", options->job.k, "Products a query")
            ->check(CLI::Range(1, 100'000))
            ->capture_default_str();
        addOut(*command, *options, "'query<TAB>product<TAB>score'");
    }
    {
        auto [command, options] = add(app, context, "predict", "One score per row of a file");
        command->add_option("--in", options->job.in, "The rows")->required();
        addOut(*command, *options, "One score a line, in the rows' order");
    }
    {
        auto [command, options] = add(app, context, "forecast", "Quantiles of what comes next");
        command->add_option("--in", options->job.in, "The series so far")->required();
        command->add_option("--horizon", options->job.horizon, "Steps ahead")
            ->required()
            ->check(CLI::Range(1, 10'000));
        addOut(*command, *options, "CSV: series,time,p10,p50,p90,mean");
    }
}

} // namespace ctl
