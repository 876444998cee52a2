// What the family ctr reaches and how fast. Each mode prints one table:
//   --speed              training rows/s of the DLRM size of the recipe ctr-tiny on made-up rows
//                        (13 numbers, 26 categories) and scored rows/s
//   --cv FILE            stratified cross-validation, equal rows in one fold
//   --train A --test B   trains on A, judges on B
//   --retrotech FOLDER   sessions 1..4000 of each query train, the others test
//   --ads SIZE           the ads of the synthetic shop beside position-only and the oracle
// With --seeds 1,2,3 the mean and the spread over the seeds follow.

#include "engine/base/files.h"
#include "engine/base/random.h"
#include "engine/data/synthetic_ads.h"
#include "engine/training/ctr/click_metrics.h"
#include "engine/training/ctr/click_trainer.h"
#include "engine/training/ctr/ctr_family.h"
#include "tests/support/quiet_monitor.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <climits>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fmt/format.h>
#include <fstream>
#include <malloc.h>

using namespace engine;
namespace fs = std::filesystem;

namespace {

struct Arguments
{
    std::string cv, train, test, retrotech, ads, format, columns, recipe, writeFolds;
    std::vector<std::string> set;
    std::vector<std::uint64_t> seeds{1};
    std::uint64_t foldSeed = 1;
    int folds = 10, threads = 2, minutes = 60, rows = 200'000;
    bool speed = false;
};

template <class T>
T orExit(Result<T> result)
{
    if (!result) {
        fmt::print(stderr, "{}\n", result.error().text());
        std::exit(exitCode(result.error().code));
    }
    if constexpr (!std::is_void_v<T>)
        return std::move(*result);
}

/// Signs what was trained and reads it back: the bench scores what a replica would score.
class Workshop
{
public:
    explicit Workshop(const Arguments &arguments)
        : m_folder(fs::temp_directory_path() / fmt::format("bench_ctr.{}", std::time(nullptr))),
          m_arguments(arguments)
    {
        fs::create_directories(m_folder);
        m_key = orExit(SigningKey::loadOrCreate(m_folder / "keys" / "signing.key"));
        if (!arguments.recipe.empty())
            m_recipe = orExit(readRecipe(arguments.recipe));
        for (const auto &pair : arguments.set)
            orExit(setSetting(m_recipe, pair));
    }
    ~Workshop()
    {
        std::error_code ignored;
        fs::remove_all(m_folder, ignored);
    }
    [[nodiscard]] const fs::path &folder() const { return m_folder; }
    [[nodiscard]] const Recipe &recipe() const { return m_recipe; }

    Package train(const InputFile &file, std::uint64_t seed)
    {
        TrainOrder order;
        order.train = file;
        order.recipe = m_recipe;
        order.seed = seed;
        order.threads = m_arguments.threads;
        test::QuietMonitor monitor{std::chrono::minutes(m_arguments.minutes)};
        auto trained = orExit(ctrFamily().train(order, monitor));
        notes = monitor.notes;
        curves = monitor.metrics;
        trained.manifest.version = "1";
        std::vector<TensorSource> tensors;
        for (const auto &tensor : trained.tensors)
            tensors.push_back({tensor.name, tensor.dtype, tensor.shape, tensor.data});
        const auto place = m_folder / fmt::format("package{}", ++m_packages);
        orExit(writePackage(place, trained.manifest, tensors, *m_key, trained.files));
        PackagePolicy policy;
        policy.trusted = m_key->publicKey();
        auto package = orExit(readPackage(place, policy));
        fs::remove_all(place);
        return package;
    }

    std::vector<double> predict(const Package &package, const InputFile &file)
    {
        AnswerOrder order;
        order.kind = Answer::Predict;
        order.in = file;
        order.out = m_folder / "answers";
        order.threads = m_arguments.threads;
        test::QuietMonitor monitor;
        orExit(ctrFamily().answer(package, order, monitor));
        std::ifstream in(order.out);
        std::vector<double> probabilities;
        for (std::string line; std::getline(in, line);)
            probabilities.push_back(std::strtod(line.c_str(), nullptr));
        return probabilities;
    }

    std::vector<std::string> notes;
    std::map<std::string, std::vector<std::pair<std::int64_t, double>>> curves;

private:
    fs::path m_folder;
    const Arguments &m_arguments;
    Recipe m_recipe;
    std::optional<SigningKey> m_key;
    int m_packages = 0;
};

double cpuSeconds()
{
    return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
}

const std::vector<std::string> kShown{
    "logloss", "auc", "ece", "ece-width", "ne", "calibration-ratio", "calibration-slope"};

void printMetrics(const std::string &name, const std::map<std::string, double> &metrics)
{
    fmt::print("{:<24}", name);
    for (const auto &each : kShown)
        fmt::print(" {} {:.4f}", each, metrics.contains(each) ? metrics.at(each) : NAN);
    fmt::print("\n");
    std::fflush(stdout);
}

void printSpread(const std::vector<std::map<std::string, double>> &runs)
{
    if (runs.size() < 2)
        return;
    std::map<std::string, double> means, spreads;
    for (const auto &name : kShown) {
        double sum = 0, squares = 0;
        for (const auto &run : runs)
            sum += run.at(name) / static_cast<double>(runs.size());
        for (const auto &run : runs)
            squares += (run.at(name) - sum) * (run.at(name) - sum);
        means[name] = sum;
        spreads[name] = std::sqrt(squares / static_cast<double>(runs.size() - 1));
    }
    printMetrics("mean of seeds", means);
    printMetrics("standard deviation", spreads);
}

std::vector<std::string> linesOf(const fs::path &file)
{
    std::ifstream in(file);
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);)
        lines.push_back(line);
    return lines;
}

void writeLines(const fs::path &file, const std::vector<std::string> &lines,
                std::span<const std::uint32_t> rows, bool hasHeader)
{
    std::ofstream out(file);
    if (hasHeader)
        out << lines[0] << "\n";
    for (const auto row : rows)
        out << lines[row + (hasHeader ? 1 : 0)] << "\n";
}

void crossValidate(const Arguments &arguments)
{
    Workshop shop(arguments);
    InputFile whole{arguments.cv, arguments.format, orExit(parseColumns(arguments.columns))};
    test::QuietMonitor monitor;
    const FeatureEncoder encoder(orExit(learnSchema(whole, {}, monitor)));
    const auto rows = orExit(readRows(whole, encoder, monitor));
    const bool hasHeader = !encoder.schema().isSparse;
    const auto lines = linesOf(arguments.cv);
    const auto folds = drawFolds(rows, arguments.folds, 0, arguments.foldSeed);
    if (!arguments.writeFolds.empty()) {
        std::vector<std::size_t> foldOf(rows.rows());
        for (std::size_t f = 0; f < folds.size(); ++f) {
            for (const auto row : folds[f].validation)
                foldOf[row] = f;
        }
        std::ofstream out(arguments.writeFolds);
        for (const auto fold : foldOf)
            out << fold << "\n";
    }
    std::vector<std::map<std::string, double>> runs;
    for (const auto seed : arguments.seeds) {
        const double start = cpuSeconds();
        std::map<std::string, double> means;
        std::vector<double> all(rows.rows());
        for (std::size_t f = 0; f < folds.size(); ++f) {
            auto part = whole;
            part.path = shop.folder() / (hasHeader ? "train.csv" : "train.txt");
            writeLines(part.path, lines, folds[f].train, hasHeader);
            const auto package = shop.train(part, seed);
            part.path = shop.folder() / (hasHeader ? "test.csv" : "test.txt");
            writeLines(part.path, lines, folds[f].validation, hasHeader);
            const auto predicted = shop.predict(package, part);
            std::vector<std::uint8_t> labels;
            for (std::size_t i = 0; i < folds[f].validation.size(); ++i) {
                labels.push_back(rows.labels[folds[f].validation[i]]);
                all[folds[f].validation[i]] = predicted[i];
            }
            const auto metrics = clickMetrics(predicted, labels);
            printMetrics(fmt::format("seed {} fold {}", seed, f + 1), metrics);
            const auto &settings = package.manifest.settings;
            fmt::print(
                "    blend: bias {:.3f} trees {:.3f} nets {:.3f}; left out: trees {:.4f} nets "
                "{:.4f} both {:.4f}\n",
                settings.at("blend bias"), settings.at("blend trees"), settings.at("blend nets"),
                package.manifest.metrics.contains("validation logloss of the trees")
                    ? package.manifest.metrics.at("validation logloss of the trees")
                    : NAN,
                package.manifest.metrics.contains("validation logloss of the nets")
                    ? package.manifest.metrics.at("validation logloss of the nets")
                    : NAN,
                package.manifest.metrics.at("validation logloss"));
            for (const auto &name : kShown)
                means[name] += metrics.at(name) / static_cast<double>(folds.size());
        }
        printMetrics(fmt::format("seed {} mean of folds", seed), means);
        printMetrics(fmt::format("seed {} all rows at once", seed), clickMetrics(all, rows.labels));
        fmt::print("    {:.1f} s of CPU\n", cpuSeconds() - start);
        // Calibration over all rows: a fold alone has too few for its bins.
        const auto pooled = clickMetrics(all, rows.labels);
        for (const auto *name : {"ece", "ece-width", "calibration-slope", "calibration-ratio"})
            means[name] = pooled.at(name);
        runs.push_back(means);
    }
    printSpread(runs);
}

void holdOut(const Arguments &arguments, const InputFile &train, const InputFile &test,
             const std::function<void(std::span<const double>)> &after = {})
{
    Workshop shop(arguments);
    std::vector<std::map<std::string, double>> runs;
    for (const auto seed : arguments.seeds) {
        const double start = cpuSeconds();
        const auto package = shop.train(train, seed);
        const double trained = cpuSeconds();
        for (const auto &note : shop.notes)
            fmt::print("note: {}\n", note);
        for (const auto &[name, points] : shop.curves) {
            fmt::print("{}:", name);
            for (const auto &[step, value] : points)
                fmt::print(" {:.5g}", value);
            fmt::print("\n");
        }
        EvalOrder order;
        order.test = test;
        order.threads = arguments.threads;
        test::QuietMonitor monitor;
        const auto evaluation = orExit(ctrFamily().evaluate(package, order, monitor));
        printMetrics(fmt::format("seed {}", seed), evaluation.metrics);
        fmt::print("    log-loss 95 % interval {:.4f} .. {:.4f}; rows {}, clicks {}; trees {:.3f} "
                   "nets {:.3f} left out {:.4f}; training {:.1f} s of CPU, judging {:.1f} s\n",
                   evaluation.metrics.at("logloss low"), evaluation.metrics.at("logloss high"),
                   evaluation.users, evaluation.metrics.at("clicks"),
                   package.manifest.settings.at("blend trees"),
                   package.manifest.settings.at("blend nets"),
                   package.manifest.metrics.at("validation logloss"), trained - start,
                   cpuSeconds() - trained);
        runs.push_back(evaluation.metrics);
        if (after)
            after(shop.predict(package, test));
    }
    printSpread(runs);
}

void retrotech(const Arguments &arguments)
{
    const auto folder =
        fs::temp_directory_path() / fmt::format("bench_retro.{}", std::time(nullptr));
    fs::create_directories(folder);
    InputFile train{folder / "train.csv", "csv", {}}, test{folder / "test.csv", "csv", {}};
    {
        const auto lines = linesOf(fs::path(arguments.retrotech) / "sessions.csv");
        std::ofstream trainOut(train.path), testOut(test.path);
        for (auto *out : {&trainOut, &testOut})
            *out << lines[0] << "\n";
        for (std::size_t i = 1; i < lines.size(); ++i) {
            const auto from = lines[i].find(',') + 1;
            const int session = std::atoi(lines[i].c_str() + from);
            (session <= 4000 ? trainOut : testOut) << lines[i] << "\n";
        }
    }
    train.columns = test.columns =
        orExit(parseColumns("label=clicked,order=session,cat=query|doc,num=rank"));
    holdOut(arguments, train, test);
    fs::remove_all(folder);
}

void ads(const Arguments &arguments)
{
    const SyntheticAds shop(orExit(syntheticAdsRecipe(arguments.ads)), arguments.foldSeed);
    const auto views = shop.recipe().views, border = views * 4 / 5;
    const auto folder = fs::temp_directory_path() / fmt::format("bench_ads.{}", std::time(nullptr));
    fs::create_directories(folder);
    InputFile train{folder / "train.csv", "csv", {}}, test{folder / "test.csv", "csv", {}};
    orExit(writeTextAtomically(train.path, shop.csv(0, border)));
    orExit(writeTextAtomically(test.path, shop.csv(border, views)));
    train.columns = test.columns = orExit(parseColumns("order=view"));
    const auto bounds = shop.bounds(border, views);
    fmt::print("synthetic:{} test rows {}: constant {:.4f}, position only {:.4f}, oracle {:.4f} on "
               "the drawn clicks, {:.4f} expected\n",
               arguments.ads, bounds.rows, bounds.constant, bounds.byPosition, bounds.drawn,
               bounds.bayes);
    holdOut(arguments, train, test, [&](std::span<const double> p) {
        // Log-loss expected over the true probabilities: no noise of the drawn clicks.
        double loss = 0;
        std::size_t at = 0;
        for (auto number = border; number < views; ++number) {
            const auto view = shop.view(number);
            for (std::uint32_t slot = 1; slot <= shop.recipe().slots; ++slot, ++at) {
                const double truth = shop.clickProbability(view, view.candidates[slot - 1], slot);
                loss += truth * logLossOf(p[at], true) + (1 - truth) * logLossOf(p[at], false);
            }
        }
        loss /= static_cast<double>(at);
        fmt::print("    expected log-loss {:.4f}: {:.1f} % of the way from position only to the "
                   "oracle\n",
                   loss, 100 * (bounds.byPosition - loss) / (bounds.byPosition - bounds.bayes));
    });
    fs::remove_all(folder);
}

/// Rows like Criteo's: 13 counts with gaps, 26 categories from 10 to 100,000 values, Zipf-like.
std::string madeUpRows(int count)
{
    std::string text = "label";
    for (int i = 1; i <= 13; ++i)
        text += fmt::format(",I{}", i);
    for (int i = 1; i <= 26; ++i)
        text += fmt::format(",C{}", i);
    text += "\n";
    for (int r = 0; r < count; ++r) {
        Random random(1, 0xBE7C, static_cast<std::uint64_t>(r) * 64);
        double z = -1.2;
        std::string rest;
        for (int i = 0; i < 13; ++i) {
            const double value = std::floor(std::exp(1.5 * random.normal() + 1.0));
            z += 0.1 * (std::log1p(value) - 1.2);
            rest += random.uniform() < 0.1 ? "," : fmt::format(",{}", value);
        }
        for (int i = 0; i < 26; ++i) {
            const double most = std::pow(10.0, 1.0 + 4.0 * i / 25.0);
            const auto value = static_cast<std::uint32_t>(std::pow(most, random.uniform()));
            z += 0.3 * (static_cast<double>((value * 2654435761u) >> 16 & 0xFF) / 128.0 - 1.0);
            rest += fmt::format(",{:08x}", value * 2654435761u + static_cast<std::uint32_t>(i));
        }
        text += (random.uniform() < 1 / (1 + std::exp(-z)) ? "1" : "0") + rest + "\n";
    }
    return text;
}

void speed(const Arguments &arguments)
{
    Workshop shop(arguments);
    InputFile file{shop.folder() / "rows.csv", "csv", {}};
    orExit(writeTextAtomically(file.path, madeUpRows(arguments.rows)));
    for (const auto seed : arguments.seeds) {
        const auto start = cpuSeconds();
        const auto begin = systemClock().now();
        const auto package = shop.train(file, seed);
        const double wall = static_cast<double>((systemClock().now() - begin).count()) / 1e6;
        fmt::print(
            "seed {}: {:.0f} training rows/s by the clock ({} threads; {:.1f} s of CPU, {:.1f} s "
            "in all with reading), validation log-loss {:.4f}, auc {:.4f}\n",
            seed, shop.curves.at("net rows per second")[0].second, arguments.threads,
            cpuSeconds() - start, wall, package.manifest.metrics.at("validation logloss"),
            package.manifest.metrics.at("validation auc"));
        const auto scoring = cpuSeconds();
        const auto count = shop.predict(package, file).size();
        fmt::print("    predict: {:.0f} rows per second of CPU\n",
                   static_cast<double>(count) / (cpuSeconds() - scoring));
    }
}

} // namespace

int main(int argc, char **argv)
{
    // As drillroom-train does: fresh pages for every tensor cost more than the arithmetic.
    ::mallopt(M_MMAP_THRESHOLD, 1 << 30);
    ::mallopt(M_TRIM_THRESHOLD, INT_MAX);
    Arguments arguments;
    CLI::App app("accuracy and speed of the family ctr");
    app.add_flag("--speed", arguments.speed);
    app.add_option("--cv", arguments.cv);
    app.add_option("--train", arguments.train);
    app.add_option("--test", arguments.test);
    app.add_option("--retrotech", arguments.retrotech);
    app.add_option("--ads", arguments.ads);
    app.add_option("--format", arguments.format);
    app.add_option("--columns", arguments.columns);
    app.add_option("--recipe", arguments.recipe);
    app.add_option("--set", arguments.set);
    app.add_option("--seeds", arguments.seeds)->delimiter(',');
    app.add_option("--fold-seed", arguments.foldSeed);
    app.add_option("--folds", arguments.folds);
    app.add_option("--threads", arguments.threads);
    app.add_option("--minutes", arguments.minutes);
    app.add_option("--rows", arguments.rows);
    app.add_option("--write-folds", arguments.writeFolds);
    CLI11_PARSE(app, argc, argv);
    if (!arguments.cv.empty())
        crossValidate(arguments);
    if (!arguments.train.empty()) {
        const auto columns = orExit(parseColumns(arguments.columns));
        holdOut(arguments, {arguments.train, arguments.format, columns},
                {arguments.test, arguments.format, columns});
    }
    if (!arguments.retrotech.empty())
        retrotech(arguments);
    if (!arguments.ads.empty())
        ads(arguments);
    if (arguments.speed)
        speed(arguments);
    return 0;
}
