// Trains a sequence model by the leave-one-out protocol (last item = test, last but one =
// validation) and prints the curve, seconds per epoch, the validation and, with --test, the test
// metrics, and milliseconds per request. With --from it fine-tunes, or distils with --set distil.

#include "engine/data/importer.h"
#include "engine/data/synthetic.h"
#include "engine/scoring/open_scorer.h"
#include "engine/training/evaluate.h"
#include "engine/training/sequence/sequence_quantise.h"
#include "tests/bench/sequence_bench.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fmt/format.h>

using namespace engine;
using namespace bench;
namespace fs = std::filesystem;

namespace {

struct Arguments
{
    std::string data = "synthetic:demo", format = "lists", columns, recipe, products, from, out;
    std::vector<std::string> set;
    std::uint64_t seed = 1;
    int threads = 2, minutes = 600;
    bool test = false, quantise = false;
};

/// One event of each shopper per held-out part, from the end; shoppers with fewer than three events
/// only train.
struct LeaveOneOut
{
    Dataset train, known, valid, test; ///< known: train and validation, the history of the test
};

LeaveOneOut split(const Dataset &whole)
{
    LeaveOneOut parts;
    for (auto *part : {&parts.train, &parts.known, &parts.valid, &parts.test}) {
        *part = whole;
        part->events.clear();
        part->offsets = {0};
    }
    const auto append = [](Dataset &part, std::span<const std::uint32_t> events) {
        part.events.insert(part.events.end(), events.begin(), events.end());
        part.offsets.push_back(part.events.size());
    };
    for (std::size_t s = 0; s < whole.shoppers(); ++s) {
        const auto events = whole.of(s);
        const auto n = events.size();
        const bool isJudged = n >= 3;
        append(parts.train, events.first(isJudged ? n - 2 : n));
        append(parts.known, events.first(isJudged ? n - 1 : n));
        append(parts.valid, isJudged ? events.subspan(n - 2, 1) : events.first(0));
        append(parts.test, isJudged ? events.last(1) : events.first(0));
    }
    return parts;
}

Dataset load(const Arguments &arguments)
{
    if (const auto size = syntheticSize(arguments.data))
        return SyntheticShop(orExit(syntheticRecipe(*size)), 1).generate(2);
    ImportOptions options;
    options.format = orExit(importFormat(arguments.format));
    options.columns = orExit(parseColumns(arguments.columns));
    return orExit(importFile(arguments.data, options));
}

void printMetrics(const char *what, const Evaluation &evaluation)
{
    fmt::print("{}: HR@10 {:.4f} NDCG@10 {:.4f} +- {:.4f} over {} shoppers in {:.1f} s\n", what,
               evaluation.metrics.at("hr@10"), evaluation.metrics.at("ndcg@10"),
               evaluation.standardErrors.at("ndcg@10"), evaluation.users, evaluation.seconds);
}

void printCosts(const FullScorer &scorer, const Dataset &history)
{
    std::vector<double> times;
    for (std::size_t s = 0; s < std::min<std::size_t>(500, history.shoppers()); ++s) {
        const auto events = history.of(s);
        const std::vector<std::vector<std::int64_t>> one{{events.begin(), events.end()}};
        const auto start = systemClock().now();
        orExit(scorer.score(one, 10));
        times.push_back(secondsSince(start) * 1e3);
    }
    std::sort(times.begin(), times.end());
    fmt::print("one request: median {:.3f} ms, 95 % {:.3f} ms\n", times[times.size() / 2],
               times[times.size() * 95 / 100]);
}

} // namespace

int main(int argc, char **argv)
{
    Arguments arguments;
    CLI::App app{"Training of sequence models: quality and cost"};
    app.add_option("--data", arguments.data, "synthetic[:tiny|demo|large] or a file");
    app.add_option("--format", arguments.format, "csv, pairs or lists");
    app.add_option("--columns", arguments.columns, "role=name,...");
    app.add_option("--recipe", arguments.recipe, "a recipe file");
    app.add_option("--products", arguments.products, "attributes of the items, JSON");
    app.add_option("--set", arguments.set, "name=value");
    app.add_option("--from", arguments.from, "a package of this bench: fine-tune or distil");
    app.add_option("--out", arguments.out, "where the package goes");
    app.add_option("--seed", arguments.seed);
    app.add_option("--threads", arguments.threads);
    app.add_option("--minutes", arguments.minutes, "time limit");
    app.add_flag("--test", arguments.test, "judge by the test items too");
    app.add_flag("--quantise", arguments.quantise, "also as int8: accuracy and speed");
    CLI11_PARSE(app, argc, argv);

    const auto whole = load(arguments);
    const auto parts = split(whole);
    fmt::print("{}: {} shoppers, {} items, {} events to train on{}\n", arguments.data,
               whole.shoppers(), whole.items, parts.train.events.size(),
               whole.synthetic ? " (synthetic)" : "");
    TrainOrder order;
    if (!arguments.recipe.empty())
        order.recipe = orExit(readRecipe(arguments.recipe));
    for (const auto &setting : arguments.set)
        orExit(setSetting(order.recipe, setting));
    if (!arguments.products.empty())
        order.products = arguments.products;
    order.seed = arguments.seed;
    order.threads = arguments.threads;
    if (!arguments.from.empty()) {
        PackagePolicy policy;
        policy.trusted = orExit(SigningKey::loadOrCreate(arguments.from + ".key")).publicKey();
        order.initial = orExit(readPackage(arguments.from, policy));
    }
    std::string scratch = (fs::temp_directory_path() / "bench_sequence.XXXXXX").string();
    if (::mkdtemp(scratch.data()) == nullptr)
        return 6;
    const fs::path out =
        arguments.out.empty() ? fs::path(scratch) / "package" : fs::path(arguments.out);
    Printer monitor(arguments.minutes);
    const auto start = systemClock().now();
    auto model = orExit(trainSequence(parts.train, parts.valid, order, monitor));
    fmt::print("trained: {:.1f} s, {:.1f} s of CPU, best epoch {}, {} steps\n", secondsSince(start),
               static_cast<double>(std::clock()) / CLOCKS_PER_SEC,
               model.manifest.settings.at("best epoch"), model.manifest.settings.at("steps"));
    const auto package = packaged(model, whole, out);
    const auto scorer = orExit(openFullScorer(package));
    const auto judge = [&](const FullScorer &of) {
        printMetrics("validation", orExit(evaluate(of, parts.train, parts.valid, systemClock())));
        if (arguments.test)
            printMetrics("test", orExit(evaluate(of, parts.known, parts.test, systemClock())));
        printCosts(of, parts.known);
    };
    judge(*scorer);
    if (arguments.quantise) {
        fmt::print("package {:.2f} MB; as int8:\n",
                   static_cast<double>(package.weights.size()) / 1e6);
        model = orExit(quantisedSequence(package));
        const auto small = packaged(model, whole, fs::path(scratch) / "int8");
        fmt::print("package {:.2f} MB\n", static_cast<double>(small.weights.size()) / 1e6);
        judge(*orExit(openFullScorer(small)));
    }
    std::error_code ignored; // a temporary folder that stays behind harms nothing
    fs::remove_all(scratch, ignored);
    return 0;
}
