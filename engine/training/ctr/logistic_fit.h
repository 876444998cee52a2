#pragma once
// Logistic regression on a few columns, and isotonic regression: what turns scores into
// probabilities. Pure; any thread.

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace engine {

struct LogisticFit
{
    double bias = 0;
    std::vector<double> weights;
};
/// y ~ 1 / (1 + e^-(bias + sum of weight_k column_k)) by Newton's method. Weights stay at 0 or
/// above. `pull` rows' worth of belief in bias 0 and equal weights that add up to 1.
[[nodiscard]] LogisticFit fitLogistic(std::span<const std::span<const double>> columns,
                                      std::span<const std::uint8_t> labels, double pull);

/// Points (mean prediction, mean label) of pool-adjacent-violators, in blocks of at least
/// `leastRows` rows; rising in the first, never falling in the second coordinate.
[[nodiscard]] std::vector<std::array<float, 2>> fitIsotonic(std::span<const double> probabilities,
                                                            std::span<const std::uint8_t> labels,
                                                            std::size_t leastRows);

} // namespace engine
