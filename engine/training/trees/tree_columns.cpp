#include "engine/training/trees/tree_columns.h"

#include "engine/training/owned_tensor.h"

namespace engine {

TreeColumns columnsOf(const TreeModel &trees)
{
    TreeColumns columns;
    for (const auto &node : trees.nodes) {
        columns.feature.push_back(node.feature);
        columns.left.push_back(node.left);
        columns.value.push_back(node.value);
        columns.missing.push_back(node.missingLeft ? 1 : 0);
    }
    columns.roots = trees.roots;
    columns.base = trees.base;
    return columns;
}

void addTrees(TrainedModel &to, const std::string &name, const TreeModel &trees)
{
    const auto columns = columnsOf(trees);
    to.tensors.push_back(ownedTensor(name + ".feature", "I32", columns.feature));
    to.tensors.push_back(ownedTensor(name + ".left", "I32", columns.left));
    to.tensors.push_back(ownedTensor(name + ".value", "F32", columns.value));
    to.tensors.push_back(ownedTensor(name + ".missing", "I8", columns.missing));
    to.tensors.push_back(ownedTensor(name + ".roots", "I32", columns.roots));
    to.manifest.settings[name + ".base"] = columns.base;
}

TreeModel firstTrees(TreeModel model, std::size_t count)
{
    if (count < model.trees()) {
        model.nodes.resize(static_cast<std::size_t>(model.roots[count]));
        model.roots.resize(count);
    }
    return model;
}

} // namespace engine
