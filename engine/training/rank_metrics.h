#pragma once
// Ranks and full-ranking metrics, ties counted against the model. Definitions: reference "models",
// NDCG@K with one or several relevant items, HR@K, Recall@K. Pure functions.

#include <cstddef>
#include <cstdint>
#include <span>

namespace engine {

/// 1 + the number of other items outside `masked` (sorted) that score at least as high as `label`;
/// a masked label ranks behind everything.
[[nodiscard]] std::size_t rankAgainstModel(std::span<const float> scores,
                                           std::span<const std::int64_t> masked,
                                           std::uint32_t label);

} // namespace engine
