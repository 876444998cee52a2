#pragma once
// Scores by a sum of regression trees. Immutable; any thread; the same bits on every machine: one
// order of additions, comparisons of floats. A value that is not above a threshold goes left; NaN
// goes left.

#include "engine/model/package.h"

#include <span>

namespace engine {

struct TreeNode
{
    std::int32_t feature = -1;        ///< -1: a leaf
    float threshold = 0;              ///< of an inner node
    float value = 0;                  ///< of a leaf
    std::int32_t left = 0, right = 0; ///< larger than the node's own number
};

class BoostedTrees
{
public:
    BoostedTrees() = default;
    /// Nodes of all trees behind one another; `roots` by rising number.
    BoostedTrees(std::vector<TreeNode> nodes, std::vector<std::int32_t> roots)
        : m_nodes(std::move(nodes)), m_roots(std::move(roots))
    {
    }
    /// The tensors trees.feature, .threshold, .value, .left, .right and .roots; no trees when there
    /// are none of them. InvalidInput unless every path ends in a finite leaf.
    [[nodiscard]] static Result<BoostedTrees> open(const Package &package, std::size_t features);

    /// `row` has as many features as the trees were trained with.
    [[nodiscard]] double score(std::span<const float> row) const;
    [[nodiscard]] const std::vector<TreeNode> &nodes() const { return m_nodes; }
    [[nodiscard]] const std::vector<std::int32_t> &roots() const { return m_roots; }

private:
    std::vector<TreeNode> m_nodes;
    std::vector<std::int32_t> m_roots;
};

} // namespace engine
