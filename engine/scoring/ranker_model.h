#pragma once
// Scores one row of features: bm25 x (the row's first feature) + boosted trees + small nets. Used
// for products of a query and for rows of libsvm files. Immutable; any thread; plain loops, so that
// a row scores the same everywhere.

#include "engine/scoring/tree_model.h"

namespace engine {

/// `count` nets of one hidden layer with a direct path: z = clamp((x - mean) scale, -5, 5), score =
/// mean over nets of linear . z + out . relu(hidden z + bias).
struct RankerNets
{
    std::size_t count = 0, features = 0, width = 0;
    std::vector<float> mean, scale;       ///< [features]
    std::vector<float> hidden, bias, out; ///< [count, width, features], [count, width] twice
    std::vector<float> linear;            ///< [count, features]
    [[nodiscard]] double score(std::span<const float> row) const;
};

struct RankerModel
{
    std::size_t features = 0;
    double bm25 = 1, treesWeight = 0, netsWeight = 0;
    TreeModel trees;
    RankerNets nets;

    /// From the settings rank.* and the tensors trees.* and net.*; InvalidInput when they do not
    /// fit together or hold NaN.
    [[nodiscard]] static Result<RankerModel> open(const Package &package);
    [[nodiscard]] double score(std::span<const float> row) const;
};

} // namespace engine
