#include "engine/training/sequence/sequence_quantise.h"

#include "engine/scoring/int8_panels.h"
#include "engine/scoring/sequence_weights.h"

#include <algorithm>

namespace engine {

bool isQuantised(const std::string &name, const std::vector<std::int64_t> &shape)
{
    return shape.size() == 2 && name != "positions";
}

void addQuantised(std::vector<OwnedTensor> &tensors, const std::string &name,
                  const std::vector<std::int64_t> &shape, std::span<const float> values)
{
    const auto rounded = quantised(values, static_cast<std::size_t>(shape[1]));
    const auto *bytes = reinterpret_cast<const std::uint8_t *>(rounded.bytes.data());
    const auto *scales = reinterpret_cast<const std::uint8_t *>(rounded.scales.data());
    tensors.push_back({name, "I8", shape, {bytes, bytes + rounded.bytes.size()}});
    tensors.push_back({name + ".scale",
                       "F32",
                       {shape[0]},
                       {scales, scales + rounded.scales.size() * sizeof(float)}});
}

void orderForWriting(std::vector<OwnedTensor> &tensors)
{
    const auto size = [](const OwnedTensor &tensor) {
        return tensor.dtype == "I64" ? 8 : tensor.dtype == "I8" ? 1 : 4;
    };
    std::stable_sort(tensors.begin(), tensors.end(),
                     [&](const OwnedTensor &a, const OwnedTensor &b) { return size(a) > size(b); });
}

Result<TrainedModel> quantisedSequence(const Package &package)
{
    if (package.manifest.family != "sequence")
        return fail(ErrorCode::InvalidInput, "Only sequence models can be quantised; this one is "
                                                 + package.manifest.family);
    const auto weights = SequenceWeights::read(package);
    if (!weights)
        return tl::unexpected(weights.error());
    TrainedModel model;
    model.manifest = package.manifest;
    model.files = package.files;
    for (const auto &entry : package.tensors) {
        if (entry.dtype == "I8")
            return fail(ErrorCode::InvalidInput, "The model is quantised already");
        if (isQuantised(entry.name, entry.shape)) {
            addQuantised(model.tensors, entry.name, entry.shape, weights->parts.at(entry.name));
            continue;
        }
        const auto *data = package.weights.data() + entry.offset;
        model.tensors.push_back({entry.name, entry.dtype, entry.shape, {data, data + entry.bytes}});
    }
    orderForWriting(model.tensors);
    return model;
}

} // namespace engine
