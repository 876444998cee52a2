#pragma once
// Post-training quantisation: a package's matrices as bytes with a scale per row, a quarter of the
// size. Pure function.

#include "engine/training/family.h"

namespace engine {

/// The same model with I8 matrices, to be written and signed; InvalidInput when `package` is no
/// sequence model of floats.
[[nodiscard]] Result<TrainedModel> quantisedSequence(const Package &package);

/// Whether a part becomes bytes: matrices that multiply; positions and norms are small and added.
[[nodiscard]] bool isQuantised(const std::string &name, const std::vector<std::int64_t> &shape);

/// A matrix as the two tensors `name` I8 and `name`.scale F32.
void addQuantised(std::vector<OwnedTensor> &tensors, const std::string &name,
                  const std::vector<std::int64_t> &shape, std::span<const float> values);

/// In an order in which each tensor's data stands on a multiple of its numbers' size.
void orderForWriting(std::vector<OwnedTensor> &tensors);

} // namespace engine
