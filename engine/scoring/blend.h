#pragma once
// How a blended mf model turns a history into one vector, so that every item still scores by one
// dot product: parts side by side, each scaled to scores of unit mean square over the catalogue
// and then by its weight. A part is either folded in (the ridge regression of iALS, in the
// eigenbasis of the items' Gram matrix) or a weighted sum of history-side item vectors (a linear
// autoencoder of low rank). Both weigh what was taken a events ago with (1 + a)^-decay. Training
// chooses with exactly this code. Pure functions.

#include <cstdint>
#include <span>
#include <vector>

namespace engine {

struct BlendPart
{
    enum class Kind { FoldIn, Sum };
    Kind kind = Kind::Sum;
    std::size_t width = 0;
    double weight = 1, decay = 0;
    double alpha0 = 0, lambda = 0, nu = 1; ///< fold-in: the loss of engine/training/mf/ials.h
    std::vector<double> spectrum;          ///< [width] sums of squares of the candidates' columns
};

struct BlendScratch
{
    std::vector<double> weights, shared, work;
};

/// The distinct items of a history (oldest first) with numbers in [0, items), newest first.
[[nodiscard]] std::vector<std::int64_t> newestFirst(std::span<const std::int64_t> history,
                                                    std::uint32_t items);

/// `rows` [count, width]: the history-side vectors of newestFirst(); count >= 1. Writes `out`
/// [width]. False when the fold-in has no positive definite system.
[[nodiscard]] bool partVector(const BlendPart &part, std::uint32_t items,
                              std::span<const float> rows, std::span<float> out,
                              BlendScratch &scratch);

} // namespace engine
