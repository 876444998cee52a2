#include "engine/training/rank_metrics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace engine {
namespace {

double gain(std::size_t rank)
{
    return 1.0 / std::log2(1.0 + static_cast<double>(rank));
}

} // namespace

std::size_t rankAgainstModel(std::span<const float> scores, std::span<const std::int64_t> masked,
                             std::uint32_t label)
{
    if (std::binary_search(masked.begin(), masked.end(), static_cast<std::int64_t>(label)))
        return scores.size() + 1;
    const float mark = scores[label];
    // Written as "not below", so that NaN counts against the model too.
    std::size_t rank = 0;
    for (const float score : scores)
        rank += !(score < mark) ? 1 : 0;
    for (const auto item : masked)
        rank -= !(scores[static_cast<std::size_t>(item)] < mark) ? 1 : 0;
    return rank;
}

std::vector<std::size_t> ranksAgainstModel(std::span<const float> scores,
                                           std::span<const std::int64_t> masked,
                                           std::span<const std::uint32_t> labels)
{
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    std::vector<std::size_t> order(labels.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    // A label without a number ranks last, an item without one before everything.
    const auto markOf = [&](std::size_t label) {
        const float score = scores[labels[label]];
        return std::isnan(score) ? -kInfinity : score;
    };
    std::sort(order.begin(), order.end(),
              [&](std::size_t a, std::size_t b) { return markOf(a) < markOf(b); });
    std::vector<float> marks;
    for (const auto label : order)
        marks.push_back(markOf(label));
    if (marks.empty())
        return {};
    // above[m]: how many items lie at or above mark m and below the next one.
    std::vector<std::size_t> above(marks.size(), 0);
    const float lowest = marks.front();
    const auto place = [&](float score) {
        const auto mark =
            std::isnan(score) ? marks.end() : std::upper_bound(marks.begin(), marks.end(), score);
        return static_cast<std::size_t>(mark - marks.begin());
    };
    for (const float score : scores) {
        if (score < lowest)
            continue;
        ++above[place(score) - 1];
    }
    for (const auto item : masked) {
        if (const float score = scores[static_cast<std::size_t>(item)]; !(score < lowest))
            --above[place(score) - 1];
    }
    std::vector<std::size_t> ranks(labels.size());
    std::size_t rank = 0;
    for (std::size_t m = marks.size(); m-- > 0;) {
        rank += above[m];
        ranks[order[m]] = rank;
    }
    return ranks;
}

RankMetrics rankMetrics(std::vector<std::size_t> ranks, std::size_t missed)
{
    std::sort(ranks.begin(), ranks.end());
    const auto relevant = ranks.size() + missed;
    RankMetrics metrics{};
    std::size_t at = 0;
    for (const std::size_t k : {10, 20}) {
        double dcg = 0, ideal = 0;
        std::size_t hits = 0;
        for (const auto rank : ranks) {
            if (rank <= k) {
                dcg += gain(rank);
                ++hits;
            }
        }
        for (std::size_t i = 1; i <= std::min(k, relevant); ++i)
            ideal += gain(i);
        metrics[at++] = relevant ? dcg / ideal : 0;
        metrics[at++] = hits > 0 ? 1 : 0;
        metrics[at++] = relevant ? static_cast<double>(hits) / static_cast<double>(relevant) : 0.0;
    }
    metrics[at] = ranks.empty() ? 0.0 : 1.0 / static_cast<double>(ranks.front());
    return metrics;
}

} // namespace engine
