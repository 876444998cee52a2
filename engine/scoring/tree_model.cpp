#include "engine/scoring/tree_model.h"

#include <cmath>
#include <cstring>

namespace engine {
namespace {

tl::unexpected<Error> refuse(const std::string &name, const std::string &why)
{
    return fail(ErrorCode::InvalidInput,
                "The model cannot be used: its trees \"" + name + "\" " + why);
}

template <class T>
Result<std::vector<T>> column(const Package &package, const std::string &name,
                              const std::string &part, const char *dtype)
{
    const auto *entry = package.find(name + "." + part);
    if (entry == nullptr || entry->dtype != dtype || entry->shape.size() != 1
        || entry->bytes % sizeof(T) != 0)
        return refuse(name, "lack the tensor " + name + "." + part + " of type " + dtype);
    std::vector<T> values(entry->bytes / sizeof(T));
    if (!values.empty())
        std::memcpy(values.data(), package.weights.data() + entry->offset, entry->bytes);
    return values;
}

} // namespace

float TreeModel::leafOf(std::size_t tree, std::span<const float> row) const
{
    const Node *node = &nodes[static_cast<std::size_t>(roots[tree])];
    while (node->feature >= 0) {
        const float x = row[static_cast<std::size_t>(node->feature)];
        const bool left = x != x ? node->missingLeft : x <= node->value;
        node = &nodes[static_cast<std::size_t>(node->left) + (left ? 0 : 1)];
    }
    return node->value;
}

double TreeModel::score(std::span<const float> row, std::size_t most) const
{
    double sum = base;
    const auto count = std::min(most, roots.size());
    for (std::size_t t = 0; t < count; ++t)
        sum += static_cast<double>(leafOf(t, row));
    return sum;
}

Result<TreeModel> readTrees(const Package &package, const std::string &name, std::size_t features)
{
    const auto feature = column<std::int32_t>(package, name, "feature", "I32");
    const auto left = column<std::int32_t>(package, name, "left", "I32");
    const auto value = column<float>(package, name, "value", "F32");
    const auto missing = column<std::int8_t>(package, name, "missing", "I8");
    auto roots = column<std::int32_t>(package, name, "roots", "I32");
    for (const auto *part : {&feature, &left}) {
        if (!*part)
            return tl::unexpected(part->error());
    }
    if (!value)
        return tl::unexpected(value.error());
    if (!missing)
        return tl::unexpected(missing.error());
    if (!roots)
        return tl::unexpected(roots.error());
    const auto base = package.manifest.settings.find(name + ".base");
    if (base == package.manifest.settings.end() || !std::isfinite(base->second))
        return refuse(name, "lack the setting " + name + ".base");
    const auto count = feature->size();
    if (left->size() != count || value->size() != count || missing->size() != count)
        return refuse(name, "have tensors of different lengths");
    TreeModel model;
    model.base = base->second;
    model.nodes.resize(count);
    for (std::size_t i = 0; i < count; ++i) {
        const auto f = (*feature)[i], l = (*left)[i];
        if (!std::isfinite((*value)[i]))
            return refuse(name, "hold NaN or infinity");
        if (f < -1 || f >= static_cast<std::int32_t>(features))
            return refuse(name, "ask for a feature that the schema does not have");
        // Children behind their parent: a walk ends, whatever the file says.
        if (f >= 0
            && (l <= static_cast<std::int32_t>(i) || static_cast<std::size_t>(l) + 1 >= count))
            return refuse(name, "have a node whose children are out of place");
        model.nodes[i] = {f, l, (*value)[i], (*missing)[i] != 0};
    }
    for (const auto root : *roots) {
        if (root < 0 || static_cast<std::size_t>(root) >= count)
            return refuse(name, "have a root outside the nodes");
    }
    model.roots = std::move(*roots);
    return model;
}

} // namespace engine
