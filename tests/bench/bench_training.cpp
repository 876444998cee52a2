// What training and scoring cost and give on one data set: popularity, iALS and (synthetic) the
// oracle on the same held-out rows, seconds per epoch, milliseconds per request. With --tune it
// judges by the validation rows and trains without them, for choosing settings.

#include "engine/data/earned.h"
#include "engine/data/importer.h"
#include "engine/data/oracle.h"
#include "engine/data/parallel.h"
#include "engine/data/split.h"
#include "engine/data/synthetic.h"
#include "engine/model/expected_quality.h"
#include "engine/model/popularity.h"
#include "engine/scoring/open_scorer.h"
#include "engine/training/evaluate.h"
#include "engine/training/mf/ials.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fmt/format.h>
#include <optional>

using namespace engine;
namespace fs = std::filesystem;

namespace {

struct Arguments
{
    std::string from = "synthetic:demo", format = "csv", columns;
    std::vector<std::string> set;
    std::uint64_t seed = 1, shopSeed = 1;
    int threads = 2;
    bool tune = false, quick = false;
};

struct Subject
{
    Dataset whole, train;
    std::vector<TraceRow> rows;
    std::optional<SyntheticShop> shop;
};

template <class T>
T orExit(Result<T> result)
{
    if (!result) {
        fmt::print(stderr, "{}\n", result.error().text());
        std::exit(exitCode(result.error().code));
    }
    return std::move(*result);
}

double secondsSince(MonoTime start)
{
    return static_cast<double>((systemClock().now() - start).count()) / 1e6;
}

double median(std::vector<double> values)
{
    if (values.empty())
        return 0;
    std::nth_element(values.begin(), values.begin() + std::ptrdiff_t(values.size() / 2),
                     values.end());
    return values[values.size() / 2];
}

Subject load(const Arguments &arguments)
{
    Subject subject;
    if (const auto size = syntheticSize(arguments.from)) {
        subject.shop.emplace(orExit(syntheticRecipe(*size)), arguments.shopSeed);
        subject.whole = subject.shop->generate(workThreads());
    } else {
        ImportOptions options;
        options.format = orExit(importFormat(arguments.format));
        options.columns = orExit(parseColumns(arguments.columns));
        subject.whole = orExit(importFile(arguments.from, options));
    }
    auto split = splitByTime(subject.whole);
    subject.train = arguments.tune ? withoutRows(split.train, split.validation) : split.train;
    subject.rows = arguments.tune ? split.validation : split.test;
    return subject;
}

IalsOptions options(const Arguments &arguments, const Dataset &train)
{
    auto options = defaultIals(train);
    options.seed = arguments.seed;
    options.threads = arguments.threads;
    for (const auto &pair : arguments.set) {
        const auto at = pair.find('=');
        const auto name = pair.substr(0, at);
        const double value = std::strtod(pair.c_str() + at + 1, nullptr);
        if (name == "factors")
            options.factors = static_cast<int>(value);
        else if (name == "alpha0")
            options.alpha0 = value;
        else if (name == "lambda")
            options.lambda = value;
        else if (name == "nu")
            options.nu = value;
        else if (name == "epochs")
            options.epochs = static_cast<int>(value);
        else if (name == "patience")
            options.patience = static_cast<int>(value);
        else
            orExit<int>(fail(ErrorCode::Usage, "Unknown setting " + name));
    }
    return options;
}

std::unique_ptr<FullScorer> packaged(const IalsModel &model, const Dataset &train,
                                     const fs::path &folder)
{
    const auto key = orExit(SigningKey::loadOrCreate(folder / "keys" / "signing.key"));
    Manifest manifest;
    manifest.version = "1";
    orExit(writeMfPackage(folder / "package", model, train, manifest, key));
    PackagePolicy policy;
    policy.trusted = key.publicKey();
    const auto start = systemClock().now();
    const auto package = orExit(readPackage(folder / "package", policy));
    auto scorer = orExit(openFullScorer(package));
    fmt::print("package: {:.1f} MB, verified and opened in {:.3f} s\n",
               static_cast<double>(package.weights.size()) / 1e6, secondsSince(start));
    return scorer;
}

void printQuality(const Subject &subject, const Scorer &scorer)
{
    auto rows = subject.rows;
    RankingQuality oracle;
    if (subject.shop)
        oracle = oracleQuality(*subject.shop, subject.whole, rows, workThreads());
    const auto popular = popularityQuality(popularityOrder(subject.train), subject.whole, rows,
                                           subject.shop ? &*subject.shop : nullptr);
    class Label final : public Earned
    {
        double quality(const TraceRow &row, std::span<const std::int64_t> items) const override
        {
            return ndcg10(row.label, items);
        }
    } label;
    const auto start = systemClock().now();
    ExpectedOptions expected;
    expected.threads = static_cast<int>(workThreads());
    const auto earned = orExit(expectedQuality(scorer, subject.whole, rows, label, expected));
    const double seconds = secondsSince(start);
    double sum = 0, squares = 0;
    for (const auto value : earned) {
        sum += static_cast<double>(value);
        squares += static_cast<double>(value) * static_cast<double>(value);
    }
    const auto count = static_cast<double>(earned.size());
    const double mean = sum / count, error = std::sqrt((squares / count - mean * mean) / count);
    fmt::print("NDCG@10 over {} rows: popularity {:.4f}, iALS {:.4f} +- {:.4f}", earned.size(),
               popular.ndcg, mean, error);
    if (subject.shop)
        fmt::print(", oracle {:.4f} +- {:.4f}, regret {:.3f}", oracle.ndcg, oracle.ndcgError,
                   regret(mean, popular.ndcg, oracle.ndcg));
    fmt::print("\nexpected quality of {} rows: {:.2f} s\n", earned.size(), seconds);
}

void printCosts(const Subject &subject, const Scorer &scorer)
{
    std::vector<std::vector<std::int64_t>> histories;
    for (std::size_t r = 0; r < std::min<std::size_t>(640, subject.rows.size()); ++r) {
        const auto events = subject.whole.of(subject.rows[r].shopper).first(subject.rows[r].h);
        histories.emplace_back(events.begin(), events.end());
    }
    for (const std::size_t batch : {std::size_t{1}, std::size_t{8}, std::size_t{64}}) {
        std::vector<double> times;
        for (std::size_t at = 0; at + batch <= histories.size(); at += batch) {
            const auto start = systemClock().now();
            orExit(scorer.score(std::span(histories).subspan(at, batch), 10));
            times.push_back(secondsSince(start) * 1e3);
        }
        fmt::print("score b={}: median {:.3f} ms ({:.3f} ms per request)\n", batch, median(times),
                   median(times) / static_cast<double>(batch));
    }
}

} // namespace

int main(int argc, char **argv)
{
    Arguments arguments;
    CLI::App app{"Training and scoring: quality and cost"};
    app.add_option("--from", arguments.from, "synthetic[:tiny|demo|large] or a file");
    app.add_option("--format", arguments.format, "csv, pairs or lists");
    app.add_option("--columns", arguments.columns, "role=name,...");
    app.add_option("--set", arguments.set, "factors, alpha0, lambda, nu, epochs, patience ...");
    app.add_option("--seed", arguments.seed);
    app.add_option("--shop-seed", arguments.shopSeed);
    app.add_option("--threads", arguments.threads);
    app.add_flag("--tune", arguments.tune, "judge by the validation rows");
    app.add_flag("--quick", arguments.quick, "quality only");
    CLI11_PARSE(app, argc, argv);

    const auto subject = load(arguments);
    fmt::print("{}: {} shoppers, {} items, {} events to train on{}\n", arguments.from,
               subject.whole.shoppers(), subject.whole.items, subject.train.events.size(),
               subject.shop ? " (synthetic)" : "");
    const auto chosen = options(arguments, subject.train);
    const auto cpuStart = std::clock();
    const auto model = orExit(trainIals(subject.train, chosen, systemClock()));
    const double cpu = static_cast<double>(std::clock() - cpuStart) / CLOCKS_PER_SEC;
    fmt::print("iALS d={} alpha0={} lambda={} nu={}, {} epochs kept, validation {:.4f}: {:.2f} s "
               "({:.2f} s of CPU), {:.3f} s per epoch (median of {})\n",
               model.factors, chosen.alpha0, chosen.lambda, chosen.nu, model.options.epochs,
               model.validation, model.seconds, cpu, median(model.epochSeconds),
               model.epochSeconds.size());
    std::string folder = (fs::temp_directory_path() / "bench_training.XXXXXX").string();
    if (::mkdtemp(folder.data()) == nullptr)
        return 6;
    const auto scorer = packaged(model, subject.train, folder);
    printQuality(subject, *scorer);
    if (!arguments.quick)
        printCosts(subject, *scorer);
    std::error_code ignored; // a temporary folder that stays behind harms nothing
    fs::remove_all(folder, ignored);
    return 0;
}
