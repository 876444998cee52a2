#pragma once
// A sum of regression trees: what gradient boosting learned, ready to answer. A row is an array of
// floats, NaN where a value is not known; each node sends such rows to a side of its own. Sums have
// one fixed order, so a row scores the same bits alone and in a batch. Immutable after reading; any
// thread.

#include "engine/model/package.h"

#include <span>

namespace engine {

struct TreeModel
{
    /// Nodes of all trees in one array; the right child follows the left one.
    struct Node
    {
        std::int32_t feature = -1; ///< -1: a leaf
        std::int32_t left = 0;     ///< index of the left child
        float value = 0;           ///< leaf: what it adds; else the threshold: left when x <= value
        bool missingLeft = true;   ///< where NaN goes
    };
    std::vector<Node> nodes;
    std::vector<std::int32_t> roots; ///< one per tree
    double base = 0;                 ///< what a model without trees says

    [[nodiscard]] std::size_t trees() const { return roots.size(); }
    /// base + the leaves of the first `most` trees (all by default). `row` has every feature.
    [[nodiscard]] double score(std::span<const float> row, std::size_t most = SIZE_MAX) const;
    /// What one tree adds.
    [[nodiscard]] float leafOf(std::size_t tree, std::span<const float> row) const;
};

/// Reads the tensors NAME.feature I32, NAME.left I32, NAME.value F32, NAME.missing I8 [nodes],
/// NAME.roots I32 [trees] and the setting NAME.base. Every tree is walked once: children lie behind
/// their parent and inside the array, features below `features`, numbers are finite.
[[nodiscard]] Result<TreeModel> readTrees(const Package &package, const std::string &name,
                                          std::size_t features);

} // namespace engine
