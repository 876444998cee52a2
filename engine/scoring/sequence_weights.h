#pragma once
// What a package of family `sequence` holds, checked: sizes, and every part as floats, with I8
// parts multiplied by their scales. Package tensors: items F32 [n, d] or I8 with items.scale F32
// [n], positions F32 [L, d], mask F32 [d], norm.weight and norm.bias F32 [d], counts I64 [n], and
// for each block b: block<b>.norm1.*, .attention.weight [3d, d], .attention.bias, .out.*, .norm2.*,
// .wide.weight [f, d], .wide.bias, .narrow.weight [d, f], .narrow.bias; a weight may be I8 with
// <name>.scale F32 [rows]. Settings: factors, blocks, heads, feed-forward, length, masked.

#include "engine/model/package.h"

namespace engine {

struct SequenceWeights
{
    std::uint32_t items = 0;
    int factors = 0, blocks = 0, heads = 0, feedForward = 0, length = 0;
    bool masked = false; ///< asks for a hidden item behind the history, and looks both ways
    std::map<std::string, std::vector<float>> parts;
    std::vector<float> counts;
    bool int8Items = false; ///< items were I8: these are they
    std::vector<std::int8_t> itemBytes;
    std::vector<float> itemScales;

    /// InvalidInput for a missing part, a shape that does not fit, NaN or infinity.
    [[nodiscard]] static Result<SequenceWeights> read(const Package &package);
};

} // namespace engine
