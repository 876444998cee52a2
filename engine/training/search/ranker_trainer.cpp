#include "engine/training/search/ranker_trainer.h"

#include "engine/base/exact_math.h"
#include "engine/base/random.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

namespace engine {
namespace {

constexpr std::uint64_t kNegativeStream = 0x4E6;
constexpr std::size_t kLeastQueries = 10, kNegativesFrom = 100;
/// A ranker must beat BM25 in the cross-validation with at most this share of resamples against, as
/// if it were the only one tried: the best of n blends of pure noise beats it far more often, so
/// the share is held against all n (Bonferroni).
constexpr double kLeastSure = 0.1;

/// FNV-1a: the same on every machine.
std::uint64_t keyOf(std::string_view text)
{
    std::uint64_t hash = 14695981039346656037ull;
    for (const char c : text)
        hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ull;
    return hash;
}

struct Blend
{
    double bm25, trees, nets;
};

struct Parts
{
    TreeModel trees;
    RankerNets nets;
};

tl::unexpected<Error> stopped()
{
    return fail(ErrorCode::Halted, "The training was stopped; nothing was written");
}

Result<Parts> fit(const RankingRows &rows, const RankerOptions &options, TrainMonitor &monitor)
{
    Parts parts;
    if (options.parts != "nets" && options.parts != "bm25")
        parts.trees = trainTrees(rows, options.trees, monitor.stop());
    if (options.parts != "trees" && options.parts != "bm25") {
        auto nets = trainNets(rows, options.nets, monitor.stop());
        if (!nets)
            return tl::unexpected(nets.error());
        parts.nets = std::move(*nets);
    }
    if (monitor.stop().stop_requested())
        return stopped();
    return parts;
}

/// Judged products and a drawn part of the others, as rows to learn from.
RankingRows sampled(std::span<const QueryRows *const> queries, const RankerOptions &options)
{
    RankingRows out;
    out.features = searchFeatureNames().size();
    for (std::size_t q = 0; q < queries.size(); ++q) {
        const auto &query = *queries[q];
        if (!query.hasRelevant())
            continue;
        // Keyed by the text, so that a query has the same negatives in every fold.
        Random random(options.seed, kNegativeStream ^ keyOf(query.text));
        std::vector<std::size_t> taken, others;
        for (std::size_t i = 0; i < query.products.size(); ++i) {
            if (query.grades[i] >= 0)
                taken.push_back(i);
            else if (others.size() < kNegativesFrom)
                others.push_back(i);
        }
        const auto count = std::min(others.size(), static_cast<std::size_t>(options.negatives));
        for (std::size_t i = 0; i < count; ++i) {
            std::swap(others[i], others[i + random.below(others.size() - i)]);
            taken.push_back(others[i]);
        }
        for (const auto i : taken) {
            const auto *row = query.values.data() + i * out.features;
            out.values.insert(out.values.end(), row, row + out.features);
            out.grades.push_back(std::max(0.0f, query.grades[i]));
            out.weights.push_back(
                query.grades[i] >= 0 ? 1.0f : static_cast<float>(options.negativeWeight));
        }
        out.starts.push_back(out.grades.size());
    }
    return out;
}

/// What each part says of rows that it did not learn from.
struct OutOfFold
{
    std::vector<double> bm25, trees, nets;
};

double deviation(std::span<const double> values)
{
    double sum = 0, squares = 0;
    for (const double x : values) {
        sum += x;
        squares += x * x;
    }
    const auto n = static_cast<double>(std::max<std::size_t>(1, values.size()));
    return exact::sqrt(std::max(0.0, squares / n - sum / n * sum / n));
}

void score(const Parts &parts, std::span<const float> values, std::size_t features, OutOfFold &out)
{
    for (std::size_t at = 0; at + features <= values.size(); at += features) {
        const auto row = values.subspan(at, features);
        out.bm25.push_back(static_cast<double>(row.front()));
        out.trees.push_back(parts.trees.score(row));
        out.nets.push_back(parts.nets.count > 0 ? parts.nets.score(row) : 0);
    }
}

/// What was learned without a query says of it, for every query.
Result<std::vector<OutOfFold>> crossValidate(std::span<const QueryRows *const> judged,
                                             const RankerOptions &options, TrainMonitor &monitor)
{
    const auto folds =
        foldsOf(judged.size(), static_cast<std::size_t>(options.folds), options.seed);
    std::vector<OutOfFold> outside(judged.size());
    for (std::size_t f = 0; f < folds.size(); ++f) {
        monitor.progress("cross-validating the ranker",
                         static_cast<double>(f) / static_cast<double>(folds.size() + 1));
        std::vector<const QueryRows *> inside;
        for (const auto q : withoutFold(folds, f))
            inside.push_back(judged[q]);
        const auto parts = fit(sampled(inside, options), options, monitor);
        if (!parts)
            return tl::unexpected(parts.error());
        for (const auto q : folds[f])
            score(*parts, judged[q]->values, searchFeatureNames().size(), outside[q]);
    }
    return outside;
}

std::vector<Blend> blends(const RankerOptions &options, bool hasBm25)
{
    if (options.parts == "bm25")
        return {};
    if (options.parts == "trees")
        return hasBm25 ? std::vector<Blend>{{0, 1, 0}, {0.3, 1, 0}} : std::vector<Blend>{{0, 1, 0}};
    if (options.parts == "nets")
        return hasBm25 ? std::vector<Blend>{{0, 0, 1}, {0.3, 0, 1}} : std::vector<Blend>{{0, 0, 1}};
    if (!hasBm25)
        return {{0, 1, 0}, {0, 1, 0.5}, {0, 1, 1}, {0, 0, 1}};
    return {{0, 1, 0}, {0.3, 1, 0}, {0, 1, 0.5}, {0.3, 1, 0.5}, {0.3, 1, 1}, {0.3, 0, 1}};
}

struct Units
{
    double bm25 = 1, trees = 1, nets = 1;
};

Units unitsOf(std::span<const OutOfFold> out)
{
    std::vector<double> bm25, trees, nets;
    for (const auto &part : out) {
        bm25.insert(bm25.end(), part.bm25.begin(), part.bm25.end());
        trees.insert(trees.end(), part.trees.begin(), part.trees.end());
        nets.insert(nets.end(), part.nets.begin(), part.nets.end());
    }
    const auto unit = [](const std::vector<double> &values) {
        const double by = deviation(values);
        return by > 1e-12 ? 1 / by : 0.0;
    };
    return {unit(bm25), unit(trees), unit(nets)};
}

std::vector<double> blended(const OutOfFold &out, const Blend &blend, const Units &units)
{
    std::vector<double> scores(out.bm25.size());
    for (std::size_t i = 0; i < scores.size(); ++i)
        scores[i] = blend.bm25 * units.bm25 * out.bm25[i] + blend.trees * units.trees * out.trees[i]
                    + blend.nets * units.nets * out.nets[i];
    return scores;
}

double mean(std::span<const double> values)
{
    return values.empty() ? 0
                          : std::accumulate(values.begin(), values.end(), 0.0)
                                / static_cast<double>(values.size());
}

/// The blend with the best mean of `worth` over queries; index into `all`.
std::size_t bestBlend(const std::vector<Blend> &all, std::span<const OutOfFold> out,
                      const Units &units,
                      const std::function<double(std::size_t, std::span<const double>)> &worth,
                      std::vector<double> &best)
{
    std::size_t chosen = 0;
    for (std::size_t b = 0; b < all.size(); ++b) {
        std::vector<double> values;
        for (std::size_t q = 0; q < out.size(); ++q)
            values.push_back(worth(q, blended(out[q], all[b], units)));
        if (b == 0 || mean(values) > mean(best) + 1e-4) {
            best = std::move(values);
            chosen = b;
        }
    }
    return chosen;
}

void use(RankerModel &model, Parts parts, const Blend &blend, const Units &units)
{
    model.bm25 = blend.bm25 * units.bm25;
    model.treesWeight = blend.trees * units.trees;
    model.netsWeight = blend.nets * units.nets;
    if (model.treesWeight != 0)
        model.trees = std::move(parts.trees);
    if (model.netsWeight != 0)
        model.nets = std::move(parts.nets);
}

} // namespace

bool QueryRows::hasRelevant() const
{
    return std::any_of(ideal.begin(), ideal.end(), [](float g) { return g > 0; });
}

QueryRows queryRows(const SearchFeatures &features, const SearchIndex &index,
                    const JudgedQuery &judged)
{
    QueryRows out;
    out.text = judged.text;
    const auto context = features.context(judged.text);
    out.products = context.candidates;
    std::map<std::uint32_t, float> grades;
    for (const auto &[id, grade] : judged.grades) {
        out.ideal.push_back(grade);
        if (const auto product = index.product(id))
            grades[*product] = grade;
        else
            ++out.unknown;
    }
    std::sort(out.ideal.begin(), out.ideal.end(), std::greater<>());
    auto sorted = out.products;
    std::sort(sorted.begin(), sorted.end());
    for (const auto &[product, grade] : grades) {
        if (!std::binary_search(sorted.begin(), sorted.end(), product))
            out.products.push_back(product);
    }
    const auto width = searchFeatureNames().size();
    out.values.resize(out.products.size() * width);
    for (std::size_t i = 0; i < out.products.size(); ++i) {
        const auto product = out.products[i];
        features.features(context, product, {out.values.data() + i * width, width});
        const auto grade = grades.find(product);
        out.grades.push_back(grade == grades.end() ? -1.0f : grade->second);
        out.bm25.push_back(context.bm25[product]);
    }
    return out;
}

double queryNdcg(const QueryRows &rows, std::span<const double> scores, std::size_t k,
                 bool isCondensed)
{
    const double best = dcg(rows.ideal, k);
    if (best <= 0)
        return 0;
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < rows.products.size(); ++i) {
        if (!isCondensed || rows.grades[i] >= 0)
            order.push_back(i);
    }
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
        return scores[a] != scores[b] ? scores[a] > scores[b] : rows.products[a] < rows.products[b];
    });
    std::vector<float> grades;
    for (std::size_t i = 0; i < std::min(k, order.size()); ++i)
        grades.push_back(std::max(0.0f, rows.grades[order[i]]));
    return dcg(grades, k) / best;
}

Result<TrainedRanker> trainRanker(std::span<const QueryRows *const> queries,
                                  const RankerOptions &options, TrainMonitor &monitor)
{
    TrainedRanker out;
    out.model.features = searchFeatureNames().size();
    std::vector<const QueryRows *> judged;
    for (const auto *query : queries) {
        if (query->hasRelevant())
            judged.push_back(query);
    }
    const auto all = blends(options, true);
    if (all.empty() || judged.size() < kLeastQueries) {
        if (!all.empty())
            monitor.note(
                "Only " + std::to_string(judged.size())
                + " queries with a relevant product; a ranker needs 10, so BM25 alone ranks");
        return out;
    }
    const auto worth = [&](std::size_t q, std::span<const double> scores) {
        return (queryNdcg(*judged[q], scores, 10, false) + queryNdcg(*judged[q], scores, 10, true))
               / 2;
    };
    auto found = crossValidate(judged, options, monitor);
    if (!found)
        return tl::unexpected(found.error());
    auto outside = std::move(*found);
    auto units = unitsOf(outside);
    std::vector<double> best, plain;
    auto chosen = bestBlend(all, outside, units, worth, best);
    auto trees = options;
    auto tries = static_cast<double>(all.size());
    if (options.triesBothLosses && options.parts != "nets") {
        tries *= 2;
        auto other = options;
        other.trees.isLambda = !options.trees.isLambda;
        other.parts = "trees";
        auto tried = crossValidate(judged, other, monitor);
        if (!tried)
            return tl::unexpected(tried.error());
        for (std::size_t q = 0; q < outside.size(); ++q)
            (*tried)[q].nets = outside[q].nets; // they have a loss of their own
        const auto otherUnits = unitsOf(*tried);
        std::vector<double> values;
        const auto blend = bestBlend(all, *tried, otherUnits, worth, values);
        if (mean(values) > mean(best)) {
            trees.trees.isLambda = other.trees.isLambda;
            best = std::move(values);
            units = otherUnits;
            chosen = blend;
        }
    }
    for (std::size_t q = 0; q < judged.size(); ++q)
        plain.push_back(worth(q, judged[q]->bm25));
    const double against = pairedBootstrap(best, plain, options.seed, 2000);
    out.metrics["validation ndcg@10"] = mean(best);
    out.metrics["validation bm25 ndcg@10"] = mean(plain);
    monitor.metric("validation ndcg@10", 0, mean(best));
    if (options.parts == "auto" && against * tries > kLeastSure) {
        monitor.note("The ranker does not clearly beat BM25 in cross-validation; BM25 alone ranks");
        out.metrics["validation ndcg@10"] = mean(plain);
        return out;
    }
    monitor.progress("training the ranker", -1);
    auto parts = fit(sampled(judged, trees), trees, monitor);
    if (!parts)
        return tl::unexpected(parts.error());
    use(out.model, std::move(*parts), all[chosen], units);
    out.metrics["trees by lambdarank"] = trees.trees.isLambda ? 1 : 0;
    return out;
}

Result<TrainedRanker> trainRanker(const RankingRows &rows, const RankingRows *valid,
                                  const RankerOptions &options, TrainMonitor &monitor)
{
    TrainedRanker out;
    out.model.features = rows.features;
    out.model.bm25 = 0;
    const auto all = blends(options, false);
    if (all.empty())
        return fail(ErrorCode::InvalidInput, "Rows of features have no BM25 to rank by; choose "
                                             "parts auto, trees, nets or both");
    if (rows.queries() < 2 && valid == nullptr)
        return fail(ErrorCode::InvalidInput,
                    "There is only one query; a ranker needs several to learn what they share");
    std::vector<OutOfFold> outside;
    const RankingRows &judged = valid != nullptr ? *valid : rows;
    if (valid != nullptr) {
        auto parts = fit(rows, options, monitor);
        if (!parts)
            return tl::unexpected(parts.error());
        for (std::size_t q = 0; q < valid->queries(); ++q)
            score(*parts,
                  {valid->values.data() + valid->starts[q] * rows.features,
                   (valid->starts[q + 1] - valid->starts[q]) * rows.features},
                  rows.features, outside.emplace_back());
    } else {
        const auto folds = foldsOf(
            rows.queries(), std::min(rows.queries(), static_cast<std::size_t>(options.folds)),
            options.seed);
        outside.resize(rows.queries());
        for (std::size_t f = 0; f < folds.size(); ++f) {
            monitor.progress("cross-validating the ranker",
                             static_cast<double>(f) / static_cast<double>(folds.size() + 1));
            auto parts = fit(rows.only(withoutFold(folds, f)), options, monitor);
            if (!parts)
                return tl::unexpected(parts.error());
            for (const auto q : folds[f])
                score(*parts,
                      {rows.values.data() + rows.starts[q] * rows.features,
                       (rows.starts[q + 1] - rows.starts[q]) * rows.features},
                      rows.features, outside[q]);
        }
    }
    const auto units = unitsOf(outside);
    const auto gradesOf = [&](std::size_t q) {
        return std::span(judged.grades)
            .subspan(judged.starts[q], judged.starts[q + 1] - judged.starts[q]);
    };
    std::vector<double> best;
    const auto chosen = bestBlend(
        all, outside, units,
        [&](std::size_t q, std::span<const double> scores) {
            return (ndcgOf(scores, gradesOf(q), 3, 1) + ndcgOf(scores, gradesOf(q), 10, 1)) / 2;
        },
        best);
    for (const std::size_t k : {1u, 3u, 5u, 10u}) {
        double sum = 0;
        for (std::size_t q = 0; q < outside.size(); ++q)
            sum += ndcgOf(blended(outside[q], all[chosen], units), gradesOf(q), k, 1);
        const auto name = "validation ndcg@" + std::to_string(k);
        out.metrics[name] = sum / static_cast<double>(outside.size());
        monitor.metric(name, 0, out.metrics[name]);
    }
    auto parts = fit(rows, options, monitor);
    if (!parts)
        return tl::unexpected(parts.error());
    use(out.model, std::move(*parts), all[chosen], units);
    return out;
}

} // namespace engine
