#include "engine/training/search/ranking_rows.h"

#include "engine/base/exact_math.h"
#include "engine/base/random.h"

#include <algorithm>
#include <numeric>

namespace engine {
namespace {

constexpr std::uint64_t kFoldStream = 0xF01D, kBootstrapStream = 0xB007;

} // namespace

RankingRows RankingRows::only(std::span<const std::size_t> queries) const
{
    RankingRows out;
    out.features = features;
    const auto take = [](auto &to, const auto &from, std::size_t begin, std::size_t end) {
        to.insert(to.end(), from.begin() + std::ptrdiff_t(begin),
                  from.begin() + std::ptrdiff_t(end));
    };
    for (const auto q : queries) {
        take(out.values, values, starts[q] * features, starts[q + 1] * features);
        take(out.grades, grades, starts[q], starts[q + 1]);
        take(out.weights, weights, starts[q], starts[q + 1]);
        out.starts.push_back(out.grades.size());
    }
    return out;
}

double gainOf(double grade)
{
    return exact::exp(grade * 0.6931471805599453) - 1;
}

double dcg(std::span<const float> gradesInOrder, std::size_t k)
{
    double sum = 0;
    for (std::size_t i = 0; i < std::min(k, gradesInOrder.size()); ++i)
        sum +=
            gainOf(static_cast<double>(gradesInOrder[i])) / exact::log2(static_cast<double>(i) + 2);
    return sum;
}

double ndcgOf(std::span<const double> scores, std::span<const float> grades, std::size_t k,
              double none)
{
    std::vector<float> ideal(grades.begin(), grades.end());
    std::sort(ideal.begin(), ideal.end(), std::greater<>());
    const double best = dcg(ideal, k);
    if (best <= 0)
        return none;
    std::vector<std::size_t> order(grades.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return scores[a] > scores[b]; });
    for (std::size_t i = 0; i < order.size(); ++i)
        ideal[i] = grades[order[i]];
    return dcg(ideal, k) / best;
}

std::vector<std::vector<std::size_t>> foldsOf(std::size_t queries, std::size_t folds,
                                              std::uint64_t seed)
{
    std::vector<std::size_t> order(queries);
    std::iota(order.begin(), order.end(), std::size_t{0});
    Random random(seed, kFoldStream);
    for (std::size_t i = queries; i > 1; --i)
        std::swap(order[i - 1], order[random.below(i)]);
    std::vector<std::vector<std::size_t>> out(folds);
    for (std::size_t i = 0; i < queries; ++i)
        out[i % folds].push_back(order[i]);
    for (auto &fold : out)
        std::sort(fold.begin(), fold.end());
    return out;
}

std::vector<std::size_t> withoutFold(const std::vector<std::vector<std::size_t>> &folds,
                                     std::size_t out)
{
    std::vector<std::size_t> rest;
    for (std::size_t f = 0; f < folds.size(); ++f) {
        if (f != out)
            rest.insert(rest.end(), folds[f].begin(), folds[f].end());
    }
    std::sort(rest.begin(), rest.end());
    return rest;
}

double pairedBootstrap(std::span<const double> a, std::span<const double> b, std::uint64_t seed,
                       int draws)
{
    if (a.empty())
        return 1;
    Random random(seed, kBootstrapStream);
    int worse = 0;
    for (int d = 0; d < draws; ++d) {
        double sum = 0;
        for (std::size_t i = 0; i < a.size(); ++i) {
            const auto q = random.below(a.size());
            sum += a[q] - b[q];
        }
        worse += sum <= 0 ? 1 : 0;
    }
    return static_cast<double>(worse) / draws;
}

std::pair<double, double> bootstrapInterval(std::span<const double> values, std::uint64_t seed,
                                            int draws)
{
    if (values.empty())
        return {0, 0};
    Random random(seed, kBootstrapStream + 1);
    std::vector<double> means(static_cast<std::size_t>(draws));
    for (auto &mean : means) {
        double sum = 0;
        for (std::size_t i = 0; i < values.size(); ++i)
            sum += values[random.below(values.size())];
        mean = sum / static_cast<double>(values.size());
    }
    std::sort(means.begin(), means.end());
    const auto at = [&](double q) {
        return means[static_cast<std::size_t>(q * static_cast<double>(means.size() - 1))];
    };
    return {at(0.025), at(0.975)};
}

} // namespace engine
