#include "engine/fault/model_damage.h"

#include "engine/base/random.h"
#include "engine/model/safetensors.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace engine {
namespace {

constexpr std::uint64_t kStream = 0xC0DE;
constexpr std::size_t kHeader = 8; ///< safetensors: the length of the description that follows

/// Where the numbers begin; 0 for what is no safetensors file.
std::size_t firstNumber(const Bytes &bytes)
{
    if (bytes.size() < kHeader)
        return 0;
    std::uint64_t length = 0;
    for (std::size_t i = kHeader; i-- > 0;)
        length = length << 8 | bytes[i];
    return length < bytes.size() - kHeader ? kHeader + static_cast<std::size_t>(length) : 0;
}

void changeBytes(Bytes &bytes, std::uint64_t count, Random &random)
{
    const auto from = firstNumber(bytes);
    for (std::uint64_t i = 0; i < count; ++i) {
        const auto at = random.below(bytes.size() - from);
        // Of a number's highest byte the sign alone: all stay finite.
        bytes[from + at] ^=
            at % 4 == 3 ? std::uint8_t{0x80} : static_cast<std::uint8_t>(1 + random.below(255));
    }
}

Result<> moveRows(Bytes &bytes, double share, Random &random)
{
    const auto tensors = parseSafetensors(bytes, "the weights");
    DR_RETURN_IF_ERROR(tensors);
    const TensorEntry *table = nullptr;
    for (const auto &tensor : *tensors)
        if (tensor.shape.size() == 2 && tensor.shape[0] > 1
            && (table == nullptr || tensor.bytes > table->bytes))
            table = &tensor;
    if (table == nullptr)
        return fail(ErrorCode::InvalidInput,
                    "The model has no table of two rows that could change places; use `bytes`");
    const auto rows = static_cast<std::size_t>(table->shape[0]);
    const auto size = table->bytes / rows;
    std::vector<std::size_t> order(rows);
    std::iota(order.begin(), order.end(), std::size_t{0});
    for (std::size_t i = rows; i-- > 1;)
        std::swap(order[i], order[random.below(i + 1)]);
    order.resize(std::clamp<std::size_t>(
        static_cast<std::size_t>(std::llround(share * static_cast<double>(rows))), 2, rows));
    // Each chosen row goes to the place of the next one: none stays.
    const auto row = [&](std::size_t i) {
        return bytes.begin() + static_cast<std::ptrdiff_t>(table->offset + order[i] * size);
    };
    for (std::size_t i = order.size(); i-- > 1;)
        std::swap_ranges(row(i), row(i) + static_cast<std::ptrdiff_t>(size), row(i - 1));
    return {};
}

} // namespace

Result<> damageModel(Bytes &weights, const CorruptSettings &settings, std::uint64_t seed)
{
    if (weights.empty())
        return fail(ErrorCode::InvalidInput, "The model's file is empty");
    Random random(seed, kStream);
    if (settings.rows > 0)
        return moveRows(weights, settings.rows, random);
    changeBytes(weights, settings.bytes > 0 ? settings.bytes : weights.size(), random);
    return {};
}

} // namespace engine
