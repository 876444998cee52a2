#include "engine/training/ctr/logistic_fit.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace engine {
namespace {

constexpr int kSteps = 50;

/// Solves the small symmetric system a x = b by elimination with pivots; false when it is singular.
bool solve(std::vector<std::vector<double>> a, std::vector<double> b, std::vector<double> &x)
{
    const auto n = b.size();
    for (std::size_t k = 0; k < n; ++k) {
        std::size_t best = k;
        for (std::size_t i = k + 1; i < n; ++i) {
            if (std::fabs(a[i][k]) > std::fabs(a[best][k]))
                best = i;
        }
        if (std::fabs(a[best][k]) < 1e-12)
            return false;
        std::swap(a[k], a[best]);
        std::swap(b[k], b[best]);
        for (std::size_t i = k + 1; i < n; ++i) {
            const double factor = a[i][k] / a[k][k];
            for (std::size_t j = k; j < n; ++j)
                a[i][j] -= factor * a[k][j];
            b[i] -= factor * b[k];
        }
    }
    x.assign(n, 0);
    for (std::size_t k = n; k-- > 0;) {
        double sum = b[k];
        for (std::size_t j = k + 1; j < n; ++j)
            sum -= a[k][j] * x[j];
        x[k] = sum / a[k][k];
    }
    return true;
}

/// Fits the columns in use; the others keep weight 0. x[0] is the bias.
std::vector<double> newton(std::span<const std::span<const double>> columns,
                           std::span<const std::uint8_t> labels, double pull,
                           std::span<const std::size_t> used)
{
    const auto n = used.size() + 1;
    const double centre = used.empty() ? 0 : 1.0 / static_cast<double>(used.size());
    std::vector<double> x(n, centre), step, row(n, 1.0);
    x[0] = 0;
    for (int s = 0; s < kSteps; ++s) {
        std::vector<std::vector<double>> curvature(n, std::vector<double>(n, 0.0));
        std::vector<double> slope(n, 0.0);
        for (std::size_t k = 0; k < n; ++k) {
            curvature[k][k] = pull + 1e-9;
            slope[k] = -pull * (x[k] - (k == 0 ? 0 : centre));
        }
        for (std::size_t r = 0; r < labels.size(); ++r) {
            double z = x[0];
            for (std::size_t k = 1; k < n; ++k) {
                row[k] = columns[used[k - 1]][r];
                z += x[k] * row[k];
            }
            const double p = 1.0 / (1.0 + std::exp(-z));
            const double miss = (labels[r] ? 1.0 : 0.0) - p, weight = p * (1 - p);
            for (std::size_t i = 0; i < n; ++i) {
                slope[i] += miss * row[i];
                for (std::size_t j = 0; j <= i; ++j)
                    curvature[i][j] += weight * row[i] * row[j];
            }
        }
        for (std::size_t i = 0; i < n; ++i) {
            for (std::size_t j = i + 1; j < n; ++j)
                curvature[i][j] = curvature[j][i];
        }
        if (!solve(curvature, slope, step))
            break;
        double largest = 0;
        for (std::size_t k = 0; k < n; ++k) {
            // Far steps are cut: separable labels would send the weights to infinity.
            const double move = std::clamp(step[k], -2.0, 2.0);
            x[k] = std::clamp(x[k] + move, -50.0, 50.0);
            largest = std::max(largest, std::fabs(move));
        }
        if (largest < 1e-9)
            break;
    }
    return x;
}

} // namespace

LogisticFit fitLogistic(std::span<const std::span<const double>> columns,
                        std::span<const std::uint8_t> labels, double pull)
{
    LogisticFit fit;
    fit.weights.assign(columns.size(), 0.0);
    std::vector<std::size_t> used(columns.size());
    std::iota(used.begin(), used.end(), std::size_t{0});
    for (;;) {
        const auto x = newton(columns, labels, pull, used);
        const auto worst = std::min_element(x.begin() + 1, x.end());
        if (worst != x.end() && *worst < 0 && used.size() > 1) {
            used.erase(used.begin() + (worst - x.begin() - 1));
            continue;
        }
        fit.bias = x[0];
        for (std::size_t k = 0; k < used.size(); ++k)
            fit.weights[used[k]] = std::max(x[k + 1], 0.0);
        return fit;
    }
}

std::vector<std::array<float, 2>> fitIsotonic(std::span<const double> probabilities,
                                              std::span<const std::uint8_t> labels,
                                              std::size_t leastRows)
{
    struct Block
    {
        double rows = 0, predicted = 0, clicks = 0;
        [[nodiscard]] double rate() const { return clicks / rows; }
    };
    std::vector<std::uint32_t> order(probabilities.size());
    std::iota(order.begin(), order.end(), 0u);
    std::stable_sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
        return probabilities[a] < probabilities[b];
    });
    std::vector<Block> blocks;
    Block open;
    for (std::size_t i = 0; i < order.size(); ++i) {
        const auto r = order[i];
        open.rows += 1;
        open.predicted += probabilities[r];
        open.clicks += labels[r] ? 1.0 : 0.0;
        const bool isEnd = i + 1 == order.size();
        if (!isEnd
            && (open.rows < static_cast<double>(leastRows)
                || probabilities[order[i + 1]] == probabilities[r]))
            continue;
        blocks.push_back(open);
        open = {};
        while (blocks.size() > 1 && blocks[blocks.size() - 2].rate() >= blocks.back().rate()) {
            const auto last = blocks.back();
            blocks.pop_back();
            blocks.back().rows += last.rows;
            blocks.back().predicted += last.predicted;
            blocks.back().clicks += last.clicks;
        }
    }
    std::vector<std::array<float, 2>> points;
    for (const auto &block : blocks) {
        const auto x = static_cast<float>(block.predicted / block.rows);
        if (points.empty() || x > points.back()[0])
            points.push_back({x, static_cast<float>(block.rate())});
    }
    return points;
}

} // namespace engine
