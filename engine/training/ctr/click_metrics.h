#pragma once
// How good probabilities of clicks are: log-loss, AUC, calibration. Reference "models", live
// model-quality metrics. Pure; any thread.

#include <cstdint>
#include <map>
#include <span>
#include <string>

namespace engine {

/// logloss; auc (ties count half; .5 with one class only); ne = log-loss / entropy of the mean
/// click rate (He et al., ADKDD 2014); ece over ten bins of equally many rows, and ece-width over
/// ten bins of equal width; calibration-ratio = mean predicted / clicks; calibration-slope of the
/// labels on the log-odds (1: right, below 1: too sure); rows, clicks. Without clicks or without
/// other rows, what is not defined is left out.
[[nodiscard]] std::map<std::string, double> clickMetrics(std::span<const double> probabilities,
                                                         std::span<const std::uint8_t> labels);

/// Bootstrap over rows: standard error of each metric, and its 2.5 and 97.5 percentiles.
struct BootstrapValue
{
    double error = 0, low = 0, high = 0;
};
[[nodiscard]] std::map<std::string, BootstrapValue>
bootstrapClickMetrics(std::span<const double> probabilities, std::span<const std::uint8_t> labels,
                      int samples, std::uint64_t seed);

[[nodiscard]] double logLossOf(double probability, bool label);

} // namespace engine
