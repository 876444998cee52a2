#include "engine/scoring/boosted_trees.h"

#include <cmath>

namespace engine {
namespace {

template <class T>
Result<std::span<const T>> numbers(const Package &package, const std::string &name,
                                   const char *dtype)
{
    const auto *entry = package.find(name);
    if (entry == nullptr || entry->dtype != dtype || entry->shape.size() != 1)
        return fail(ErrorCode::InvalidInput, "The model cannot be used: its tensor " + name
                                                 + " is missing or has another form");
    return std::span(reinterpret_cast<const T *>(package.weights.data() + entry->offset),
                     entry->bytes / sizeof(T));
}

} // namespace

Result<BoostedTrees> BoostedTrees::open(const Package &package, std::size_t features)
{
    if (package.find("trees.roots") == nullptr)
        return BoostedTrees();
    const auto feature = numbers<std::int32_t>(package, "trees.feature", "I32");
    const auto left = numbers<std::int32_t>(package, "trees.left", "I32");
    const auto right = numbers<std::int32_t>(package, "trees.right", "I32");
    const auto roots = numbers<std::int32_t>(package, "trees.roots", "I32");
    const auto threshold = numbers<float>(package, "trees.threshold", "F32");
    const auto value = numbers<float>(package, "trees.value", "F32");
    for (const auto *part : {&feature, &left, &right, &roots}) {
        if (!*part)
            return tl::unexpected(part->error());
    }
    for (const auto *part : {&threshold, &value}) {
        if (!*part)
            return tl::unexpected(part->error());
    }
    const auto count = feature->size();
    const auto refuse = [](const char *why) {
        return fail(ErrorCode::InvalidInput, std::string("The model cannot be used: ") + why);
    };
    if (left->size() != count || right->size() != count || threshold->size() != count
        || value->size() != count)
        return refuse("the tensors of its trees have different lengths");
    BoostedTrees trees;
    trees.m_nodes.resize(count);
    for (std::size_t i = 0; i < count; ++i) {
        TreeNode node{(*feature)[i], (*threshold)[i], (*value)[i], (*left)[i], (*right)[i]};
        const auto own = static_cast<std::int64_t>(i), all = static_cast<std::int64_t>(count);
        // Children stand behind their parent, so every path ends.
        if (node.feature < -1 || node.feature >= static_cast<std::int64_t>(features)
            || !std::isfinite(node.value) || !std::isfinite(node.threshold)
            || (node.feature >= 0
                && (node.left <= own || node.left >= all || node.right <= own
                    || node.right >= all)))
            return refuse("a tree of it is damaged");
        trees.m_nodes[i] = node;
    }
    for (const auto root : *roots) {
        if (root < 0 || static_cast<std::size_t>(root) >= count)
            return refuse("a tree of it does not exist");
    }
    trees.m_roots.assign(roots->begin(), roots->end());
    return trees;
}

double BoostedTrees::score(std::span<const float> row) const
{
    double sum = 0;
    for (const auto root : m_roots) {
        auto at = static_cast<std::size_t>(root);
        while (m_nodes[at].feature >= 0) {
            const auto &node = m_nodes[at];
            const bool isRight = row[static_cast<std::size_t>(node.feature)] > node.threshold;
            at = static_cast<std::size_t>(isRight ? node.right : node.left);
        }
        sum += static_cast<double>(m_nodes[at].value);
    }
    return sum;
}

} // namespace engine
