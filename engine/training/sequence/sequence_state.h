#pragma once
// Everything that a training needs to go on to the same result, and its bytes: the state of the
// checkpoint and of the roll-back after NaN. Values (tensors are shared until cloned).

#include "engine/base/bytes.h"
#include "engine/base/error.h"

#include <ATen/core/Tensor.h>

namespace engine {

struct SequenceState
{
    at::Tensor weights, moment, square, average, best; ///< flat, each of the same size
    std::int64_t epoch = 0, at = 0;                    ///< the step of the epoch that comes next
    std::int64_t steps = 0;                            ///< done, in all
    std::int64_t bestEpoch = 0, bad = 0, rollBacks = 0;
    double rate = 1; ///< factor on the learning rate, lowered by roll-backs
    double bestValue = -1;
    double lossSum = 0, predictions = 0; ///< of the running epoch

    [[nodiscard]] SequenceState clone() const;
    [[nodiscard]] Result<Bytes> bytes() const;
    /// InvalidInput when the bytes are no state of `size` weights.
    [[nodiscard]] static Result<SequenceState> read(std::span<const std::uint8_t> bytes,
                                                    std::int64_t size);
};

} // namespace engine
