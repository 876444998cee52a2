#pragma once
// From what is known of a series, by the names of its columns, to what a forecaster takes. Pure.

#include "engine/data/labelled_request.h"
#include "engine/model/forecaster.h"

namespace engine {

/// Columns that the model has and the query has not are unknown. InvalidInput names a column that
/// the model does not have, that is of the other kind, or that is shorter than the values.
[[nodiscard]] Result<SeriesHistory> seriesHistory(const Forecaster &model,
                                                  const DemandQuery &query);

} // namespace engine
