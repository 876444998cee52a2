#pragma once
// Runs a forecaster over a table of series: joins histories with plans, judges against what was
// sold, writes the file of forecasts.

#include "engine/training/demand/demand_scores.h"
#include "engine/training/demand/series_table.h"
#include "engine/training/train_monitor.h"

#include <filesystem>

namespace engine {

/// Puts the histories of `history` (same id, ending at `origin`) before the plans of `asked`; a
/// series without a history keeps its plan alone and is counted as cold.
void joinHistory(DemandTable &asked, const DemandTable &history, const DemandSchema &schema,
                 std::int64_t origin);
/// The last period of the table's histories.
[[nodiscard]] std::int64_t lastPeriod(const DemandTable &table);

/// Judges every period of the plans that has a value. Halted when stopped.
[[nodiscard]] Result<> judge(const Forecaster &model, const DemandTable &table,
                             DemandScores &scores, TrainMonitor &monitor);

struct ForecastOrder
{
    std::filesystem::path out; ///< written beside and renamed
    int horizon = 0;           ///< 0: as far as the plans reach
    /// A further column `point`: none, that of StepForecast::relative, or of root.
    enum class Point { None, Relative, Root } point = Point::None;
};
/// CSV series,time,p10,p50,p90,mean. Gives the lines written.
[[nodiscard]] Result<std::uint64_t> writeForecasts(const Forecaster &model,
                                                   const DemandTable &table,
                                                   const ForecastOrder &order,
                                                   TrainMonitor &monitor);

} // namespace engine
