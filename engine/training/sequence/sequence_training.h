#pragma once
// Trains a sequence model from a Dataset: settings, the start, the loop, the package. What the
// family and the benches call; no LibTorch in this header.

#include "engine/training/family.h"

#include <functional>

namespace engine {

/// For tests of the guard against NaN: may spoil the loss of a step.
using Disturbance = std::function<void(std::int64_t step, double &loss)>;

/// As RecommenderFamily::trainOn.
[[nodiscard]] Result<TrainedModel> trainSequence(const Dataset &train, const Dataset &valid,
                                                 const TrainOrder &order, TrainMonitor &monitor,
                                                 const Disturbance &disturb = {});

} // namespace engine
