#pragma once
// Quantiles of demand from boosted trees: with chance p the period sells anything at all; what it
// then sells is exp(level + location + spread x law), `law` being the standardised residuals of the
// validation periods. Quantiles never fall with their level because one law gives them all. Package
// tensors: trees "location", "spread", and where training saw them "positive" (log-odds of p) and
// "mean" (see tree_model.h); file schema.bin (demand_schema.h). Immutable; any thread.

#include "engine/scoring/demand_features.h"
#include "engine/scoring/tree_model.h"

#include <memory>
#include <optional>
#include <unordered_map>

namespace engine {

/// The distribution of one future period.
struct DemandLaw
{
    double positive = 1; ///< chance that anything is sold
    double location = 0; ///< log of the median of what is sold then, roughly
    double spread = 0;
    double mean = 0;
};

class DemandForecaster final : public Forecaster
{
public:
    [[nodiscard]] static Result<std::unique_ptr<DemandForecaster>> open(const Package &package);

    [[nodiscard]] Result<std::vector<StepForecast>>
    forecast(const SeriesHistory &history, int horizon,
             std::span<const double> levels) const override;
    [[nodiscard]] const std::vector<ForecastColumn> &columns() const override { return m_columns; }
    [[nodiscard]] float category(std::size_t column, const std::string &text) const override;
    [[nodiscard]] bool knowsSeries(const std::string &series) const override;
    [[nodiscard]] Result<std::int64_t> period(std::string_view time) const override;
    [[nodiscard]] std::string timeText(std::int64_t period) const override;
    [[nodiscard]] std::string version() const override { return m_version; }
    [[nodiscard]] std::string digest() const override { return m_digest; }

    [[nodiscard]] const DemandSchema &schema() const { return *m_schema; }

private:
    using Numbers = std::unordered_map<std::string, float>;
    DemandForecaster() = default;

    std::string m_version, m_digest;
    std::unique_ptr<DemandSchema> m_schema; ///< m_features points to it
    std::optional<DemandFeatures> m_features;
    TreeModel m_location, m_spread;
    std::optional<TreeModel> m_positive, m_mean;
    std::vector<ForecastColumn> m_columns;
    std::vector<Numbers> m_keyNumbers, m_categories;
};

/// The level-quantile of a law; 0 where nothing is sold with at least that chance.
[[nodiscard]] double quantileOf(const DemandLaw &law, const DemandSchema &schema, double level);
/// The point f with the least E |y - f| / y over the periods that sell: the median of the law with
/// each outcome y weighted by 1 / y.
[[nodiscard]] double relativePointOf(const DemandLaw &law, const DemandSchema &schema);

} // namespace engine
