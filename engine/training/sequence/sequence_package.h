#pragma once
// Between the flat weights of a training and the tensors of a package: what is written, and what
// fine-tuning and distillation start from, with the items renumbered by their ids.

#include "engine/training/family.h"
#include "engine/training/sequence/sequence_trainer.h"

namespace engine {

/// A package's network for the items of `train`.
struct SequenceStart
{
    SequenceOptions options; ///< the given ones with the package's sizes
    at::Tensor flat;
    std::size_t newItems = 0;  ///< of train that the package does not know: start at its mean
    std::size_t lostItems = 0; ///< of the package that train does not have
};

/// InvalidInput when it is no sequence model or shares no item with `train`.
[[nodiscard]] Result<SequenceStart> startFrom(const Package &package, const Dataset &train,
                                              SequenceOptions options);

/// Parts and counts as tensors; matrices as I8 with scales when options.int8.
[[nodiscard]] std::vector<OwnedTensor> packageTensors(const SequenceNet &net,
                                                      const at::Tensor &flat, const Dataset &train,
                                                      const SequenceOptions &options);

} // namespace engine
