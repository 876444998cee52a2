#include "engine/training/demand/demand_points.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace engine {
namespace {

constexpr std::size_t kLawKnots = 201;
/// Shares in twentieths: finer ones are noise.
constexpr int kShares = 20, kLeastShare = 5;

} // namespace

std::vector<float> lawOf(std::vector<double> residuals)
{
    std::sort(residuals.begin(), residuals.end());
    std::vector<float> law;
    for (std::size_t i = 0; i < kLawKnots; ++i) {
        const double level = (static_cast<double>(i) + 0.5) / static_cast<double>(kLawKnots);
        const auto at = static_cast<std::size_t>(level * static_cast<double>(residuals.size()));
        law.push_back(static_cast<float>(residuals[std::min(at, residuals.size() - 1)]));
    }
    return law;
}

double rootShare(const TrainingRows &rows, std::span<const std::uint8_t> isHeldOut,
                 std::span<const double> mean)
{
    struct Sums
    {
        double count = 0, squares = 0, cross = 0, means = 0;
    };
    std::map<std::uint32_t, Sums> all;
    for (std::size_t i = 0; i < mean.size(); ++i) {
        if (isHeldOut[i] == 0)
            continue;
        const auto y = static_cast<double>(rows.sold[i]);
        auto &sums = all[rows.series[i]];
        sums.count += 1;
        sums.squares += y * y;
        sums.cross += y * mean[i];
        sums.means += mean[i] * mean[i];
    }
    double best = 0, chosen = 1;
    for (int step = kShares; step >= kLeastShare; --step) { // of the same worth, the larger share
        const double share = static_cast<double>(step) / kShares;
        double cost = 0;
        for (const auto &[series, sums] : all) {
            const double error = sums.squares - 2 * share * sums.cross + share * share * sums.means;
            cost += std::sqrt(std::max(0.0, error) / sums.count);
        }
        if (step == kShares || cost < best) {
            best = cost;
            chosen = share;
        }
    }
    return chosen;
}

} // namespace engine
