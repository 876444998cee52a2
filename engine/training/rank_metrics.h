#pragma once
// Ranks and full-ranking metrics, ties counted against the model. Definitions: reference "models",
// NDCG@K with one or several relevant items, HR@K, Recall@K. Pure functions.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace engine {

/// 1 + the number of other items outside `masked` (sorted) that score at least as high as `label`;
/// a masked label ranks behind everything.
[[nodiscard]] std::size_t rankAgainstModel(std::span<const float> scores,
                                           std::span<const std::int64_t> masked,
                                           std::uint32_t label);

/// The same for several labels outside `masked`, in their order, in one pass over the scores.
[[nodiscard]] std::vector<std::size_t> ranksAgainstModel(std::span<const float> scores,
                                                         std::span<const std::int64_t> masked,
                                                         std::span<const std::uint32_t> labels);

inline constexpr std::array<const char *, 7> kRankMetrics{
    "ndcg@10", "hr@10", "recall@10", "ndcg@20", "hr@20", "recall@20", "mrr"};
using RankMetrics = std::array<double, kRankMetrics.size()>;

/// Metrics of one list from the ranks of its relevant items; `missed` more were relevant but stand
/// nowhere in it. The ideal list has all of them first.
[[nodiscard]] RankMetrics rankMetrics(std::vector<std::size_t> ranks, std::size_t missed = 0);

} // namespace engine
