#pragma once
// What is read off the held-out periods of a demand training: the law of the residuals and how much
// of the mean serves the root mean squared error. Pure functions.

#include "engine/training/demand/training_rows.h"

namespace engine {

/// Quantiles of standardised residuals at 201 levels; at least one residual.
[[nodiscard]] std::vector<float> lawOf(std::vector<double> residuals);

/// The share of `mean` (one per row) with the least mean over series of the root mean squared error
/// of the held-out rows: a root counts a rare large miss less, so it lies below 1 where sales are
/// lumpy. 1 when nothing is held out.
[[nodiscard]] double rootShare(const TrainingRows &rows, std::span<const std::uint8_t> isHeldOut,
                               std::span<const double> mean);

} // namespace engine
