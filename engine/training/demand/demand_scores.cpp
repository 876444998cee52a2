#include "engine/training/demand/demand_scores.h"

#include <cmath>
#include <cstdio>

namespace engine {
namespace {

std::string named(const char *what, double level)
{
    char text[32];
    std::snprintf(text, sizeof text, "%s@%.3g", what, level);
    return text;
}

} // namespace

double pinball(double sold, double forecast, double level)
{
    return sold >= forecast ? level * (sold - forecast) : (1 - level) * (forecast - sold);
}

void DemandScores::Spread::add(double value)
{
    sum += value;
    squares += value * value;
    ++count;
}

double DemandScores::Spread::mean() const
{
    return count > 0 ? sum / static_cast<double>(count) : 0;
}

double DemandScores::Spread::error() const
{
    if (count < 2)
        return 0;
    const double n = static_cast<double>(count);
    return std::sqrt(std::max(0.0, squares / n - mean() * mean()) / (n - 1));
}

void DemandScores::begin(std::span<const float> history)
{
    m_one = {};
    double sum = 0;
    std::size_t pairs = 0;
    for (std::size_t i = 1; i < history.size(); ++i) {
        const double step = static_cast<double>(history[i]) - static_cast<double>(history[i - 1]);
        if (step != step)
            continue;
        sum += step * step;
        ++pairs;
    }
    m_scale = pairs > 0 ? sum / static_cast<double>(pairs) : 0;
}

void DemandScores::add(double sold, const StepForecast &forecast)
{
    const double median = forecast.quantiles[1];
    const auto count = [&](Sums &sums) {
        ++sums.count;
        sums.sold += sold;
        sums.absMedian += std::abs(sold - median);
        sums.absMean += std::abs(sold - forecast.mean);
        sums.squared += (sold - forecast.mean) * (sold - forecast.mean);
        sums.absPoint += std::abs(sold - forecast.root);
        sums.squaredPoint += (sold - forecast.root) * (sold - forecast.root);
        sums.signedMean += forecast.mean - sold;
        const double off = std::log1p(median) - std::log1p(sold);
        sums.logs += off * off;
        if (sold > 0) {
            ++sums.positives;
            sums.relative += std::abs(sold - forecast.relative) / sold;
            sums.relativeMedian += std::abs(sold - median) / sold;
            sums.relativeMean += std::abs(sold - forecast.mean) / sold;
        }
        sums.covered += sold >= forecast.quantiles[0] && sold <= forecast.quantiles[2] ? 1u : 0u;
        for (std::size_t i = 0; i < kLevels.size(); ++i) {
            sums.pinball[i] += pinball(sold, forecast.quantiles[i], kLevels[i]);
            sums.pinballZero[i] += pinball(sold, 0, kLevels[i]);
        }
    };
    count(m_one);
    count(m_all);
}

void DemandScores::end()
{
    if (m_one.count == 0)
        return;
    ++m_series;
    const double n = static_cast<double>(m_one.count);
    m_mae.add(m_one.absMedian / n);
    m_rmse.add(std::sqrt(m_one.squared / n));
    m_maePoint.add(m_one.absPoint / n);
    m_rmsePoint.add(std::sqrt(m_one.squaredPoint / n));
    if (m_scale > 0) {
        m_rmsse.add(std::sqrt(m_one.squared / n / m_scale));
        m_rmssePoint.add(std::sqrt(m_one.squaredPoint / n / m_scale));
    }
}

std::map<std::string, double> DemandScores::metrics() const
{
    std::map<std::string, double> out;
    if (m_all.count == 0)
        return out;
    const double n = static_cast<double>(m_all.count);
    if (m_all.positives > 0) {
        const double p = static_cast<double>(m_all.positives);
        out["mape"] = 100 * m_all.relative / p;
        out["mape_p50"] = 100 * m_all.relativeMedian / p;
        out["mape_mean"] = 100 * m_all.relativeMean / p;
    }
    if (m_all.sold > 0) {
        out["wape"] = m_all.absMedian / m_all.sold;
        out["wape_mean"] = m_all.absMean / m_all.sold;
        out["bias"] = m_all.signedMean / m_all.sold;
    }
    out["rmsle"] = std::sqrt(m_all.logs / n);
    out["mae"] = m_all.absMedian / n;
    out["mae_mean"] = m_all.absMean / n;
    out["rmse"] = std::sqrt(m_all.squared / n);
    out["mae_series"] = m_mae.mean();
    out["rmse_series"] = m_rmse.mean();
    out["mae_series_point"] = m_maePoint.mean();
    out["rmse_series_point"] = m_rmsePoint.mean();
    if (m_rmsse.count > 0) {
        out["rmsse"] = m_rmsse.mean();
        out["rmsse_point"] = m_rmssePoint.mean();
    }
    for (std::size_t i = 0; i < kLevels.size(); ++i) {
        out[named("pinball", kLevels[i])] = m_all.pinball[i] / n;
        out[named("pinball_zero", kLevels[i])] = m_all.pinballZero[i] / n;
    }
    out["coverage@80"] = static_cast<double>(m_all.covered) / n;
    out["rows"] = n;
    return out;
}

std::map<std::string, double> DemandScores::standardErrors() const
{
    std::map<std::string, double> out;
    out["rmse_series"] = m_rmse.error();
    out["mae_series"] = m_mae.error();
    if (m_rmsse.count > 0)
        out["rmsse"] = m_rmsse.error();
    return out;
}

} // namespace engine
