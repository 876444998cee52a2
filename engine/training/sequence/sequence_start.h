#pragma once
// Where the weights of a fresh network begin. Small data has too few steps to find out which items
// are alike; the leading singular vectors of who took what know it at once (what family mf ranks
// by), so the table of items can begin there. Call from the training's thread.

#include "engine/training/sequence/sequence_net.h"

#include <stop_token>

namespace engine {

/// SequenceNet::start(), with options.start "spectrum" its item vectors taken from the events of
/// `train` that are not held out.
[[nodiscard]] at::Tensor freshWeights(const SequenceNet &net, const Dataset &train,
                                      const std::vector<std::uint8_t> &heldOut,
                                      const SequenceOptions &options, const std::stop_token &stop);

} // namespace engine
