#pragma once
// Trees as columns: for the tensors that engine/scoring/tree_model.h reads back, and for
// checkpoints. Values.

#include "engine/scoring/tree_model.h"
#include "engine/training/family.h"

namespace engine {

/// One value per node, `roots` one per tree.
struct TreeColumns
{
    std::vector<std::int32_t> feature, left, roots;
    std::vector<float> value;
    std::vector<std::int8_t> missing;
    double base = 0;

    template <class A>
    void fields(A &a)
    {
        a(feature), a(left), a(roots), a(value), a(missing), a(base);
    }
};

[[nodiscard]] TreeColumns columnsOf(const TreeModel &trees);
/// Tensors NAME.* and the setting NAME.base, as readTrees() wants them.
void addTrees(TrainedModel &to, const std::string &name, const TreeModel &trees);
/// The first `count` trees; their nodes stand first.
[[nodiscard]] TreeModel firstTrees(TreeModel model, std::size_t count);

} // namespace engine
