// drillctl train and finetune: from files to a signed package, outside of any shop.

#include "app/composition/recipes.h"
#include "app/composition/train_process.h"
#include "app/ctl/commands.h"
#include "app/ctl/model_job_run.h"
#include "app/ctl/output.h"
#include "engine/data/field.h"

#include <fmt/format.h>

namespace ctl {
namespace {

using nlohmann::json;

struct Options
{
    app::ModelJob job;
    std::string timeLimit = "30min", recipe;
    bool json = false, mustResume = false, fresh = false;
};

/// "45s", "10min", "2h", or minutes.
engine::Result<std::int64_t> secondsOf(std::string text)
{
    double unit = 60;
    for (const auto &[ending, seconds] : {std::pair("min", 60.0), std::pair("h", 3600.0),
                                          std::pair("s", 1.0), std::pair("m", 60.0)}) {
        if (text.ends_with(ending)) {
            text.resize(text.size() - std::string_view(ending).size());
            unit = seconds;
            break;
        }
    }
    const auto number = engine::numberOf(engine::trimmed(text));
    if (!number || *number <= 0 || *number * unit > 1e8)
        return engine::fail(engine::ErrorCode::Usage,
                            "--time-limit takes 45s, 10min, 2h, or a number of minutes");
    return std::max<std::int64_t>(1, static_cast<std::int64_t>(*number * unit));
}

std::string trainedText(const json &result)
{
    auto text = fmt::format("{}: a signed package of family {}, trained in {:.0f} s on {} with "
                            "recipe {}, seed {}\nDigest {}\n",
                            result.value("package", ""), result.value("family", ""),
                            result.value("seconds", 0.0), result.value("device", ""),
                            result.value("recipe", ""), result.value("seed", std::uint64_t{0}),
                            result.value("digest", ""));
    return text + metricsText(result);
}

void run(Context &context, const Options &options)
{
    auto job = options.job;
    const auto seconds = secondsOf(options.timeLimit);
    if (!seconds) {
        context.exit = report(seconds.error(), options.json);
        return;
    }
    job.timeLimit = *seconds;
    if (!options.recipe.empty()) {
        const auto file = app::recipeFile(context.paths, options.recipe);
        if (!file) {
            context.exit = report(file.error(), options.json);
            return;
        }
        job.recipe = file->string();
    }
    job.resume = options.fresh ? "fresh" : options.mustResume ? "must" : "auto";
    runModelJob(context, job, options.json, trainedText);
}

/// What the families say of themselves; they live in the child, which has LibTorch.
std::string familiesText(const engine::Paths &paths)
{
    std::string text;
    app::TrainProcess process;
    process.arguments = {"--families"};
    const auto done = app::runTrainProcess(paths, process, [&](const json &line) {
        for (const auto &family : partOf(line, "families"))
            text += family.value("help", "") + "\n";
    });
    if (!done)
        text = done.error().text() + "\n";
    std::string recipes;
    for (const auto &name : app::shippedRecipes(paths))
        recipes += (recipes.empty() ? "" : ", ") + name;
    return "Families\n\n" + text + "Recipes: " + (recipes.empty() ? "none" : recipes)
           + "\nA training keeps a checkpoint beside --out (OUT.checkpoint) every 30 s; the same "
             "command goes on from it.\nCtrl+C stops in order, Ctrl+Z holds, fg goes on.";
}

void addOptions(CLI::App &command, Options &options)
{
    auto &job = options.job;
    command.add_option("--train", job.train, "What to learn from")->required();
    command.add_option("--valid", job.valid,
                       "What to choose by and to stop early on; else carved from --train");
    addDataOptions(command, job);
    command.add_option("--products", job.products, "The catalogue (search)");
    command.add_option("--recipe", options.recipe, "A shipped recipe by name, or a YAML file");
    command.add_option("--set", job.set, "One setting: name=value; may be given several times");
    command.add_option("--seed", job.seed, "Seed of everything drawn")->capture_default_str();
    command.add_option("--device", job.device, "auto, cpu or cuda:0")->capture_default_str();
    command
        .add_option("--time-limit", options.timeLimit,
                    "45s, 10min, 2h or minutes; the best model so far is kept then")
        ->capture_default_str();
    command.add_option("--out", job.out, "The package to write (a folder)")->required();
    command.add_option("--record", job.record,
                       "Record progress and curves into this file (.drl): drillctl play FILE");
    auto *must =
        command.add_flag("--resume", options.mustResume, "Go on from the checkpoint, or fail");
    command.add_flag("--fresh", options.fresh, "Begin anew even if a checkpoint fits")
        ->excludes(must);
    command.add_option("--checkpoint-every", job.checkpointEvery, "Seconds between checkpoints")
        ->check(CLI::NonNegativeNumber)
        ->capture_default_str();
    command.add_flag("--json", options.json, "The result as JSON");
}

} // namespace

void addTrainCommands(CLI::App &app, Context &context)
{
    const auto trainOptions = std::make_shared<Options>();
    auto *train = app.add_subcommand("train", "Train a model on files and sign its package");
    train->add_option("--family", trainOptions->job.family,
                      "mf, sequence, search, ctr, demand or popularity; or a recipe names it");
    addOptions(*train, *trainOptions);
    train->footer([&context] { return familiesText(context.paths); });
    train->callback([&context, trainOptions] {
        trainOptions->job.command = "train";
        run(context, *trainOptions);
    });

    const auto tuneOptions = std::make_shared<Options>();
    auto *tune = app.add_subcommand("finetune", "Train a package further on other data");
    tune->add_option("--from", tuneOptions->job.model, "The package to start from")->required();
    tune->add_option("--family", tuneOptions->job.family, "Must be the package's, if given");
    addOptions(*tune, *tuneOptions);
    tune->callback([&context, tuneOptions] {
        tuneOptions->job.command = "finetune";
        run(context, *tuneOptions);
    });
}

} // namespace ctl
