// What the search family gives on real data, by the protocols of their READMEs: `chorus DIR` five
// folds by query, each fold ranked by what was trained on the others; `lambdarank DIR`
// cross-validation inside train, and with --test the test file, once; `retrotech DIR` click
// log-loss on sessions after the first 4,000 of each query. --recipe FILE and --set name=value as
// in drillctl; --seeds N repeats with the seeds 1..N. --dump FILE writes the rows of chorus for
// other learners: 'grade qid:N 1:value ...', grade -1 where nobody judged, and trains nothing.

#include "engine/training/search/libsvm_reader.h"
#include "engine/training/search/search_trainer.h"
#include "tests/support/quiet_monitor.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>

using namespace engine;
namespace fs = std::filesystem;

namespace {

struct Arguments
{
    std::string suite;
    fs::path folder, dump;
    Recipe recipe;
    int seeds = 3;
    bool isTest = false, isPerQuery = false;
};

template <class T>
T orExit(Result<T> result)
{
    if (!result) {
        std::fprintf(stderr, "%s\n", result.error().text().c_str());
        std::exit(exitCode(result.error().code));
    }
    return std::move(*result);
}

double mean(const std::vector<double> &values)
{
    double sum = 0;
    for (const double x : values)
        sum += x;
    return values.empty() ? 0 : sum / static_cast<double>(values.size());
}

double spread(const std::vector<double> &values)
{
    double sum = 0;
    for (const double x : values)
        sum += (x - mean(values)) * (x - mean(values));
    return values.size() < 2 ? 0 : std::sqrt(sum / static_cast<double>(values.size() - 1));
}

double cpuSeconds()
{
    return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
}

/// nDCG@10 of plain BM25 over title and short description, plural s stripped: the floor.
void floorOf(const Arguments &arguments, const std::vector<JudgedQuery> &judged,
             test::QuietMonitor &monitor, std::vector<double> &plain,
             std::vector<double> &condensed)
{
    SearchOptions options;
    options.bm25.weights = {1, 1, 0, 0, 0, 0, 0};
    options.plurals = Plurals::StripS;
    const auto all =
        orExit(readSearchable(arguments.folder / "products.jsonl", "", options, false, monitor));
    const SearchFeatures features(*all.catalogue, options.bm25, {false, false});
    for (const auto &query : judged) {
        const auto rows = queryRows(features, all.catalogue->index, query);
        if (!rows.hasRelevant())
            continue;
        plain.push_back(queryNdcg(rows, rows.bm25, 10, false));
        condensed.push_back(queryNdcg(rows, rows.bm25, 10, true));
    }
}

void printLine(const char *name, const std::vector<double> &values,
               const std::vector<double> &floor, std::uint64_t seed)
{
    const auto [low, high] = bootstrapInterval(values, seed);
    std::printf("  %-10s %.4f [%.3f, %.3f]   BM25 %.4f   gain %+.4f   p %.4f\n", name, mean(values),
                low, high, mean(floor), mean(values) - mean(floor),
                pairedBootstrap(values, floor, seed));
}

void dump(const fs::path &file, std::span<const QueryRows> rows)
{
    const auto width = searchFeatureNames().size();
    std::FILE *out = std::fopen(file.c_str(), "w");
    if (out == nullptr) {
        std::fprintf(stderr, "Cannot write %s\n", file.c_str());
        std::exit(5);
    }
    for (std::size_t q = 0; q < rows.size(); ++q) {
        for (std::size_t i = 0; i < rows[q].products.size(); ++i) {
            std::fprintf(out, "%g qid:%zu", static_cast<double>(rows[q].grades[i]), q);
            for (std::size_t f = 0; f < width; ++f)
                std::fprintf(out, " %zu:%.6g", f + 1,
                             static_cast<double>(rows[q].values[i * width + f]));
            std::fprintf(out, "\n");
        }
    }
    std::fclose(out);
}

void chorus(const Arguments &arguments)
{
    test::QuietMonitor monitor(std::chrono::hours(2));
    const auto judged = orExit(
        readJudgments(arguments.folder / "judgments.csv", {{"item", "product_id"}}, monitor));
    std::vector<double> floorPlain, floorCondensed;
    floorOf(arguments, judged, monitor, floorPlain, floorCondensed);
    std::vector<double> plains, condenseds;
    for (int seed = 1; seed <= arguments.seeds; ++seed) {
        const double start = cpuSeconds();
        const auto options = orExit(
            searchOptions(arguments.recipe, true, judged.size(), static_cast<std::uint64_t>(seed)));
        const auto all =
            orExit(readSearchable(arguments.folder / "products.jsonl", "", options, true, monitor));
        std::vector<QueryRows> rows;
        for (const auto &query : judged)
            rows.push_back(queryRows(*all.features, all.catalogue->index, query));
        if (!arguments.dump.empty())
            return dump(arguments.dump, rows);
        const double ready = cpuSeconds();
        std::vector<std::vector<double>> scores(rows.size());
        const auto folds = foldsOf(rows.size(), 5, static_cast<std::uint64_t>(seed));
        for (std::size_t f = 0; f < folds.size(); ++f) {
            std::vector<const QueryRows *> inside;
            for (const auto q : withoutFold(folds, f))
                inside.push_back(&rows[q]);
            const auto ranker = orExit(trainRanker(inside, options.ranker, monitor));
            std::printf("  fold %zu: bm25 %.3f trees %.3f nets %.3f, inside %.4f over %.4f\n", f,
                        ranker.model.bm25, ranker.model.treesWeight, ranker.model.netsWeight,
                        ranker.metrics.at("validation ndcg@10"),
                        ranker.metrics.at("validation bm25 ndcg@10"));
            for (const auto q : folds[f]) {
                for (std::size_t i = 0; i < rows[q].products.size(); ++i)
                    scores[q].push_back(
                        ranker.model.score({rows[q].values.data() + i * ranker.model.features,
                                            ranker.model.features}));
            }
        }
        std::vector<double> plain, condensed, own, ownCondensed;
        for (std::size_t q = 0; q < rows.size(); ++q) {
            if (!rows[q].hasRelevant())
                continue;
            plain.push_back(queryNdcg(rows[q], scores[q], 10, false));
            condensed.push_back(queryNdcg(rows[q], scores[q], 10, true));
            own.push_back(queryNdcg(rows[q], rows[q].bm25, 10, false));
            ownCondensed.push_back(queryNdcg(rows[q], rows[q].bm25, 10, true));
            if (arguments.isPerQuery)
                std::printf("    %-28s %.3f -> %.3f   condensed %.3f -> %.3f\n",
                            rows[q].text.c_str(), own.back(), plain.back(), ownCondensed.back(),
                            condensed.back());
        }
        std::printf("seed %d, %zu queries; index %.1f s, folds %.1f s of CPU\n", seed, plain.size(),
                    ready - start, cpuSeconds() - ready);
        const auto s = static_cast<std::uint64_t>(seed);
        printLine("own BM25", own, floorPlain, s);
        printLine("condensed", ownCondensed, floorCondensed, s);
        printLine("ndcg@10", plain, floorPlain, s);
        printLine("condensed", condensed, floorCondensed, s);
        std::fflush(stdout);
        plains.push_back(mean(plain));
        condenseds.push_back(mean(condensed));
    }
    std::printf(
        "chorus, %d seeds: ndcg@10 %.4f +- %.4f, condensed %.4f +- %.4f (BM25 %.4f, %.4f)\n",
        arguments.seeds, mean(plains), spread(plains), mean(condenseds), spread(condenseds),
        mean(floorPlain), mean(floorCondensed));
}

void lambdarank(const Arguments &arguments)
{
    test::QuietMonitor monitor(std::chrono::hours(2));
    std::uint64_t unknown = 0;
    const auto train = orExit(readLibsvm(arguments.folder / "rank.train", 0, unknown));
    std::map<std::string, std::vector<double>> all;
    for (int seed = 1; seed <= arguments.seeds; ++seed) {
        const double start = cpuSeconds();
        const auto options = orExit(searchOptions(arguments.recipe, false, train.queries(),
                                                  static_cast<std::uint64_t>(seed)));
        auto ranker = orExit(trainRanker(train, nullptr, options.ranker, monitor));
        std::printf("seed %d (trees %.3f nets %.3f, %.1f s of CPU):", seed,
                    ranker.model.treesWeight, ranker.model.netsWeight, cpuSeconds() - start);
        if (arguments.isTest) {
            const auto test =
                orExit(readLibsvm(arguments.folder / "rank.test", train.features, unknown));
            for (const std::size_t k : {1u, 3u, 5u, 10u}) {
                std::vector<double> values;
                for (std::size_t q = 0; q < test.queries(); ++q) {
                    std::vector<double> scores;
                    for (auto i = test.starts[q]; i < test.starts[q + 1]; ++i)
                        scores.push_back(ranker.model.score(test.row(i)));
                    values.push_back(ndcgOf(
                        scores, std::span(test.grades).subspan(test.starts[q], scores.size()), k,
                        1));
                }
                ranker.metrics["test ndcg@" + std::to_string(k)] = mean(values);
            }
        }
        for (const auto &[name, value] : ranker.metrics) {
            std::printf("  %s %.4f", name.c_str(), value);
            all[name].push_back(value);
        }
        std::printf("\n");
        std::fflush(stdout);
    }
    std::printf("lambdarank, %d seeds; queries without a relevant document count 1:\n",
                arguments.seeds);
    for (const auto &[name, values] : all)
        std::printf("  %-20s %.4f +- %.4f\n", name.c_str(), mean(values), spread(values));
}

void retrotech(const Arguments &arguments)
{
    test::QuietMonitor monitor(std::chrono::hours(2));
    const double start = cpuSeconds();
    const auto options = orExit(searchOptions(arguments.recipe, true, 9, 1));
    auto train = orExit(readImpressions(arguments.folder / "sessions.csv", {}, monitor));
    // The file holds each query's sessions one after another: a session starts where the rank
    // falls.
    Impressions test{train.queries, train.documents, {}};
    std::vector<Impressions::Row> kept;
    std::map<std::uint32_t, int> sessions;
    const Impressions::Row *last = nullptr;
    for (const auto &row : train.rows) {
        if (last == nullptr || row.query != last->query || row.rank <= last->rank)
            ++sessions[row.query];
        last = &row;
        (sessions[row.query] <= 4000 ? kept : test.rows).push_back(row);
    }
    train.rows = std::move(kept);
    const auto model = PositionModel::train(train, options.clicks);
    std::vector<double> shown(65536, 0), clicked(65536, 0);
    double clicks = 0;
    for (const auto &row : train.rows) {
        shown[row.rank] += 1;
        clicked[row.rank] += row.isClicked ? 1 : 0;
        clicks += row.isClicked ? 1 : 0;
    }
    LogLoss ours, position, constant;
    for (const auto &row : test.rows) {
        ours.add(model.click(test.queries[row.query], test.documents[row.document], row.rank),
                 row.isClicked);
        position.add((clicked[row.rank] + 0.5) / (shown[row.rank] + 1), row.isClicked);
        constant.add(clicks / static_cast<double>(train.rows.size()), row.isClicked);
    }
    std::printf("retrotech: %zu impressions to train from, %zu to test\n", train.rows.size(),
                test.rows.size());
    std::printf("  click log-loss: constant %.5f, position only %.5f, click model %.5f (%.1f s of "
                "CPU)\n",
                constant.mean(), position.mean(), ours.mean(), cpuSeconds() - start);
}

} // namespace

int main(int argc, char **argv)
{
    Arguments arguments;
    arguments.recipe.family = "search";
    for (int i = 1; i < argc; ++i) {
        const std::string word = argv[i];
        if (word == "--test") {
            arguments.isTest = true;
        } else if (word == "--per-query") {
            arguments.isPerQuery = true;
        } else if (word == "--seeds" && i + 1 < argc) {
            arguments.seeds = std::atoi(argv[++i]);
        } else if (word == "--dump" && i + 1 < argc) {
            arguments.dump = argv[++i];
        } else if (word == "--recipe" && i + 1 < argc) {
            arguments.recipe = orExit(readRecipe(argv[++i]));
        } else if (word == "--set" && i + 1 < argc) {
            if (auto set = setSetting(arguments.recipe, argv[++i]); !set)
                orExit(Result<int>(tl::unexpected(set.error())));
        } else if (arguments.suite.empty()) {
            arguments.suite = word;
        } else {
            arguments.folder = word;
        }
    }
    if (arguments.suite == "chorus")
        chorus(arguments);
    else if (arguments.suite == "lambdarank")
        lambdarank(arguments);
    else if (arguments.suite == "retrotech")
        retrotech(arguments);
    else {
        std::fprintf(stderr, "bench_search chorus|lambdarank|retrotech DIR [--seeds N] [--test] "
                             "[--per-query] [--dump FILE] [--recipe FILE] [--set name=value]...\n");
        return 2;
    }
    return 0;
}
