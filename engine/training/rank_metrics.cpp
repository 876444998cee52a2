#include "engine/training/rank_metrics.h"

#include "engine/scoring/lanes.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>

namespace engine {
namespace {

double gain(std::size_t rank)
{
    return 1.0 / std::log2(1.0 + static_cast<double>(rank));
}

/// Below so many labels a pass over the scores for each is faster than one pass that searches.
constexpr std::size_t kFewLabels = 32;

/// Written as "not below", so that NaN counts against the model too.
DRILLROOM_INLINE std::size_t notBelowBody(std::span<const float> scores, float mark)
{
    using Counts = std::int32_t __attribute__((vector_size(32)));
    Counts counts = {};
    const Lanes marks = Lanes{} + mark;
    std::size_t i = 0;
    for (; i + kLaneCount <= scores.size(); i += kLaneCount)
        counts -= ~(lanesAt(scores.data() + i) < marks); // a truth is -1
    std::size_t sum = 0;
    for (std::size_t l = 0; l < kLaneCount; ++l)
        sum += static_cast<std::size_t>(counts[l]);
    for (; i < scores.size(); ++i)
        sum += !(scores[i] < mark) ? 1 : 0;
    return sum;
}
std::size_t notBelowPlain(std::span<const float> scores, float mark)
{
    return notBelowBody(scores, mark);
}
DRILLROOM_WIDE std::size_t notBelowWide(std::span<const float> scores, float mark)
{
    return notBelowBody(scores, mark);
}

} // namespace

std::size_t rankAgainstModel(std::span<const float> scores, std::span<const std::int64_t> masked,
                             std::uint32_t label)
{
    if (std::binary_search(masked.begin(), masked.end(), static_cast<std::int64_t>(label)))
        return scores.size() + 1;
    const float mark = scores[label];
    std::size_t rank = hasWide() ? notBelowWide(scores, mark) : notBelowPlain(scores, mark);
    for (const auto item : masked)
        rank -= !(scores[static_cast<std::size_t>(item)] < mark) ? 1 : 0;
    return rank;
}

std::vector<std::size_t> ranksAgainstModel(std::span<const float> scores,
                                           std::span<const std::int64_t> masked,
                                           std::span<const std::uint32_t> labels)
{
    if (labels.size() < kFewLabels) {
        std::vector<std::size_t> ranks(labels.size());
        std::transform(labels.begin(), labels.end(), ranks.begin(), [&](std::uint32_t label) {
            return rankAgainstModel(scores, masked, label);
        });
        return ranks;
    }
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
