#include "engine/training/demand/demand_state.h"

#include "engine/model/safetensors.h"

namespace engine {

DemandState::Part packedPart(const TreeModel &model)
{
    DemandState::Part part;
    part.base = model.base;
    part.roots = model.roots;
    for (const auto &node : model.nodes) {
        part.feature.push_back(node.feature);
        part.left.push_back(node.left);
        part.value.push_back(node.value);
        part.missing.push_back(node.missingLeft ? 1 : 0);
    }
    return part;
}

TreeModel treesOf(const DemandState::Part &part)
{
    TreeModel model;
    model.base = part.base;
    model.roots = part.roots;
    for (std::size_t i = 0; i < part.feature.size(); ++i)
        model.nodes.push_back({part.feature[i], part.left[i], part.value[i], part.missing[i] != 0});
    return model;
}

Result<Bytes> DemandState::bytes() const
{
    const auto bytes = encode(*this);
    const TensorSource source{"state", "I8", {static_cast<std::int64_t>(bytes.size())}, bytes};
    return writeSafetensors({&source, 1});
}

Result<DemandState> DemandState::read(const Bytes &saved)
{
    const auto entries = parseSafetensors(saved, "checkpoint");
    if (!entries)
        return tl::unexpected(entries.error());
    if (entries->size() != 1 || entries->front().name != "state")
        return fail(ErrorCode::InvalidInput, "The checkpoint is not one of a demand model");
    const auto state = decode<DemandState>(
        std::span(saved).subspan(entries->front().offset, entries->front().bytes));
    if (!state)
        return fail(ErrorCode::InvalidInput, "The checkpoint is broken");
    return *state;
}

} // namespace engine
