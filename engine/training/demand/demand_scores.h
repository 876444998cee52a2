#pragma once
// What forecasts were worth: errors, scaled errors, pinball losses, coverage, gathered period by
// period and series by series. One thread.

#include "engine/model/forecaster.h"

#include <array>
#include <map>

namespace engine {

class DemandScores
{
public:
    /// The levels that the forecasts to be judged must hold, in this order.
    static constexpr std::array<double, 5> kLevels{0.1, 0.5, 0.9, 0.95, 0.99};

    /// Begins a series (of one origin). Its history gives the scale of RMSSE: the mean squared
    /// difference of one period to the next (Hyndman & Koehler 2006; M5).
    void begin(std::span<const float> history);
    void add(double sold, const StepForecast &forecast);
    /// Ends the series; one without a judged period counts nowhere.
    void end();

    /// mape of the relative point, mape_p50, mape_mean (sold > 0 only, in %), wape and wape_mean,
    /// rmsle, mae, rmse, mae_mean over all periods; mae_series, rmse_series, rmsse as means over
    /// series, with _point those of StepForecast::root; pinball@.1 .5 .9 .95, and pinball_zero@...
    /// of forecasting 0; coverage@80; bias.
    [[nodiscard]] std::map<std::string, double> metrics() const;
    /// Of the means over series: rmsse, rmse_series, mae_series.
    [[nodiscard]] std::map<std::string, double> standardErrors() const;
    [[nodiscard]] std::size_t series() const { return m_series; }
    [[nodiscard]] std::size_t periods() const { return m_all.count; }

private:
    struct Sums
    {
        std::size_t count = 0, positives = 0, covered = 0;
        double sold = 0, absMedian = 0, absMean = 0, squared = 0, squaredPoint = 0, absPoint = 0,
               logs = 0, signedMean = 0;
        double relative = 0, relativeMedian = 0, relativeMean = 0;
        std::array<double, kLevels.size()> pinball{}, pinballZero{};
    };
    struct Spread
    {
        double sum = 0, squares = 0;
        std::size_t count = 0;
        void add(double value);
        [[nodiscard]] double mean() const;
        [[nodiscard]] double error() const;
    };
    Sums m_all, m_one;
    double m_scale = 0;
    std::size_t m_series = 0;
    Spread m_rmsse, m_rmse, m_mae, m_rmssePoint, m_rmsePoint, m_maePoint;
};

/// Pinball loss at a level.
[[nodiscard]] double pinball(double sold, double forecast, double level);

} // namespace engine
