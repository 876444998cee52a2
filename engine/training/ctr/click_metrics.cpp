#include "engine/training/ctr/click_metrics.h"

#include "engine/base/random.h"
#include "engine/training/ctr/logistic_fit.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace engine {
namespace {

constexpr std::size_t kBins = 10;
constexpr std::uint64_t kBootstrapStream = 0xB007;

/// Row numbers by rising probability.
std::vector<std::uint32_t> byProbability(std::span<const double> p)
{
    std::vector<std::uint32_t> order(p.size());
    std::iota(order.begin(), order.end(), 0u);
    std::stable_sort(order.begin(), order.end(),
                     [&](std::uint32_t a, std::uint32_t b) { return p[a] < p[b]; });
    return order;
}

struct Bin
{
    double weight = 0, clicks = 0, predicted = 0;
};

double calibrationError(std::span<const Bin> bins, double all)
{
    double error = 0;
    for (const auto &bin : bins)
        error += std::fabs(bin.clicks - bin.predicted) / all;
    return error;
}

/// `times`: how often each row counts; the slope is left out when it is not asked for.
std::map<std::string, double> measured(std::span<const double> p,
                                       std::span<const std::uint8_t> labels,
                                       std::span<const std::uint32_t> order,
                                       std::span<const std::uint16_t> times)
{
    double all = 0, clicks = 0, predicted = 0, loss = 0;
    for (std::size_t r = 0; r < p.size(); ++r) {
        const double n = times.empty() ? 1.0 : times[r];
        all += n;
        clicks += labels[r] ? n : 0.0;
        predicted += n * p[r];
        loss += n * logLossOf(p[r], labels[r] != 0);
    }
    std::map<std::string, double> metrics;
    metrics["rows"] = all;
    metrics["clicks"] = clicks;
    if (all == 0)
        return metrics;
    metrics["logloss"] = loss / all;
    // Ranks in one walk: ties form a block whose pairs count half.
    double below = 0, wins = 0;
    std::vector<Bin> even(kBins), wide(kBins);
    double before = 0;
    for (std::size_t i = 0; i < order.size();) {
        double blockClicks = 0, blockOthers = 0;
        const double value = p[order[i]];
        for (; i < order.size() && p[order[i]] == value; ++i) {
            const auto r = order[i];
            const double n = times.empty() ? 1.0 : times[r];
            (labels[r] ? blockClicks : blockOthers) += n;
            auto &one = even[std::min(kBins - 1, static_cast<std::size_t>(before / all * kBins))];
            auto &two = wide[std::min(kBins - 1, static_cast<std::size_t>(value * kBins))];
            for (auto *bin : {&one, &two}) {
                bin->weight += n;
                bin->predicted += n * value;
                bin->clicks += labels[r] ? n : 0.0;
            }
            before += n;
        }
        wins += blockClicks * (below + 0.5 * blockOthers);
        below += blockOthers;
    }
    metrics["ece"] = calibrationError(even, all);
    metrics["ece-width"] = calibrationError(wide, all);
    if (clicks > 0 && clicks < all) {
        metrics["auc"] = wins / (clicks * (all - clicks));
        const double rate = clicks / all;
        const double entropy = -rate * std::log(rate) - (1 - rate) * std::log(1 - rate);
        metrics["ne"] = loss / all / entropy;
    }
    if (clicks > 0)
        metrics["calibration-ratio"] = predicted / clicks;
    return metrics;
}

} // namespace

double logLossOf(double probability, bool label)
{
    return -std::log(label ? probability : 1.0 - probability);
}

std::map<std::string, double> clickMetrics(std::span<const double> p,
                                           std::span<const std::uint8_t> labels)
{
    auto metrics = measured(p, labels, byProbability(p), {});
    if (metrics.contains("auc")) {
        std::vector<double> logits(p.size());
        std::transform(p.begin(), p.end(), logits.begin(),
                       [](double x) { return std::log(x / (1 - x)); });
        const std::span<const double> columns[] = {logits};
        metrics["calibration-slope"] = fitLogistic(columns, labels, 0).weights[0];
    }
    return metrics;
}

std::map<std::string, BootstrapValue> bootstrapClickMetrics(std::span<const double> p,
                                                            std::span<const std::uint8_t> labels,
                                                            int samples, std::uint64_t seed)
{
    const auto order = byProbability(p);
    std::map<std::string, std::vector<double>> drawn;
    std::vector<std::uint16_t> times(p.size());
    for (int s = 0; s < samples; ++s) {
        Random random(seed, kBootstrapStream + static_cast<std::uint64_t>(s));
        std::fill(times.begin(), times.end(), std::uint16_t{0});
        for (std::size_t i = 0; i < p.size(); ++i)
            ++times[random.below(p.size())];
        for (const auto &[name, value] : measured(p, labels, order, times))
            drawn[name].push_back(value);
    }
    std::map<std::string, BootstrapValue> values;
    for (auto &[name, list] : drawn) {
        if (name == "rows" || static_cast<int>(list.size()) < samples)
            continue;
        std::sort(list.begin(), list.end());
        double sum = 0, squares = 0;
        for (const double x : list)
            sum += x;
        const auto n = static_cast<double>(list.size());
        for (const double x : list)
            squares += (x - sum / n) * (x - sum / n);
        const auto at = [&](double part) {
            return list[static_cast<std::size_t>(part * (n - 1.0) + 0.5)];
        };
        values[name] = {std::sqrt(squares / std::max(n - 1.0, 1.0)), at(0.025), at(0.975)};
    }
    return values;
}

} // namespace engine
