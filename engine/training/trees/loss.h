#pragma once
// The losses that trees are boosted for: first and second derivatives in the score, and their mean
// value. Pure functions.

#include <span>

namespace engine {

enum class Loss {
    Squared,  ///< (y - s)^2 / 2
    Logistic, ///< y in 0..1, s = log-odds
    Poisson,  ///< y >= 0, s = log of the mean; fits any mean, also of values that are no counts
    Absolute, ///< |y - s|; leaves become medians
    Pinball   ///< at level tau; leaves become quantiles
};

/// Where a loss bends instead of curving, each leaf takes the weighted quantile of its residuals.
[[nodiscard]] bool renewsLeaves(Loss loss);
/// d loss / d score and the curvature of one row; tau for Pinball only.
struct Slope
{
    double gradient, hessian;
};
[[nodiscard]] Slope slopeOf(Loss loss, double target, double score, double tau);
[[nodiscard]] double lossOf(Loss loss, double target, double score, double tau);
/// Mean loss; empty `weight` = 1 each.
[[nodiscard]] double meanLoss(Loss loss, std::span<const float> target,
                              std::span<const float> weight, std::span<const double> score,
                              double tau);

} // namespace engine
