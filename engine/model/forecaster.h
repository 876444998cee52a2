#pragma once
// A model that forecasts demand. engine/scoring implements it; whoever serves or orders stock sees
// histories, plans and quantiles only.

#include "engine/base/error.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace engine {

/// One series as a request knows it. Columns are those of Forecaster::columns(), in their order.
struct SeriesHistory
{
    std::string series;        ///< its key; parts joined with '|'. One never seen is no error
    std::int64_t first = 0;    ///< period of values[0], counted on the model's time axis
    std::vector<float> values; ///< oldest first; NaN: not known. Empty: a series that just begins
    /// [values.size() + known steps of the plan][columns]; NaN: not known. Categories are their
    /// numbers (Forecaster::category). What is known of the future stands behind the history; a
    /// shorter plan than the horizon is padded with NaN.
    std::vector<float> columns;
};

/// What one future period may bring.
struct StepForecast
{
    std::vector<double> quantiles; ///< one per level asked for; never falling
    double mean = 0;
    double relative = 0; ///< the point with the least expected |y - f| / y, the aim of MAPE
    /// The share of the mean that gave the least mean over series of the root mean squared error in
    /// validation: below the mean, because a root counts the rare large miss less.
    double root = 0;
};

struct ForecastColumn
{
    std::string name;
    bool isCategory = false;
    bool isKnown = false; ///< known in advance: belongs into the plan
    bool isPrice = false;
};

/// Loaded from a verified package; immutable, any thread. A request answers the same bits alone and
/// among others.
class Forecaster
{
public:
    virtual ~Forecaster() = default;
    /// Steps 1 .. horizon behind the last value. Levels in (0, 1), rising. InvalidInput for a
    /// horizon outside 1 .. kMostHorizon or columns of the wrong length.
    [[nodiscard]] virtual Result<std::vector<StepForecast>>
    forecast(const SeriesHistory &history, int horizon, std::span<const double> levels) const = 0;

    [[nodiscard]] virtual const std::vector<ForecastColumn> &columns() const = 0;
    /// The number that stands for a category's text in SeriesHistory::columns; NaN: never seen.
    [[nodiscard]] virtual float category(std::size_t column, const std::string &text) const = 0;
    [[nodiscard]] virtual bool knowsSeries(const std::string &series) const = 0;
    /// The period of a time as it stands in a file, and back.
    [[nodiscard]] virtual Result<std::int64_t> period(std::string_view time) const = 0;
    [[nodiscard]] virtual std::string timeText(std::int64_t period) const = 0;
    [[nodiscard]] virtual std::string version() const = 0;
    [[nodiscard]] virtual std::string digest() const = 0; ///< SHA-256 of manifest.json, hex

    static constexpr int kMostHorizon = 10'000;
};

/// What to order for a period when a unit short costs `shortCost` and a unit left over costs
/// `leftCost`: the level at which their expected sum is least (newsvendor).
[[nodiscard]] inline double criticalLevel(double shortCost, double leftCost)
{
    const double sum = shortCost + leftCost;
    return sum > 0 ? shortCost / sum : 0.5;
}

} // namespace engine
