#pragma once
// Trains the demand model: cuts rows (series, origin, step) from a table, holds out the last
// periods as targets, boosts the parts with early stopping on them, takes spread and law of the
// residuals from them, and boosts again on everything. One thread calls; the same table, options
// and seed give the same bytes for every number of threads.

#include "engine/scoring/tree_model.h"
#include "engine/training/demand/series_table.h"
#include "engine/training/train_monitor.h"

#include <optional>

namespace engine {

struct DemandOptions
{
    TableRules rules;
    int horizon = 0;    ///< steps to learn; 0: an eighth of the history, at most 28
    int firstStep = 1;  ///< 2 when the first period behind the history is never asked for
    int window = 0;     ///< periods of history that count; 0: by season
    int lags = 0;       ///< last values that are features; 0: by length
    int validation = 0; ///< last periods held out; 0: by horizon
    int trees = 600;    ///< per part, at most
    int leaves = 0;     ///< per tree; 0: by rows
    int leastRows = 40; ///< per leaf
    double rate = 0.05, columns = 0.4, rows = 0.8; ///< learning rate, shares drawn per tree
    int patience = 60;                             ///< trees without a gain in validation
    int mostRows = 300'000;                        ///< training rows; more are drawn from
    std::string mean = "auto";  ///< law, trees; auto: trees where there are zeros
    std::string point = "none"; ///< a further column of forecasts: relative (MAPE), root (RMSE)
};

struct DemandModel
{
    DemandSchema schema;
    TreeModel location, spread;
    std::optional<TreeModel> positive, mean;
    std::map<std::string, double> metrics; ///< "validation ..."
};

/// Sizes that were left open, from the table.
void settle(DemandOptions &options, const DemandTable &table, DemandSchema &schema);

/// `initial`: fine-tuning goes on from its trees; the table was read by its schema. Halted when
/// stopped; at the deadline the best so far is returned.
[[nodiscard]] Result<DemandModel> trainDemand(const DemandTable &table, DemandSchema schema,
                                              const DemandOptions &options, std::uint64_t seed,
                                              int threads, TrainMonitor &monitor,
                                              const DemandModel *initial = nullptr);

} // namespace engine
