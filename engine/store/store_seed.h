#pragma once
// What the store of a shop starts from.

#include "engine/data/dataset.h"
#include "engine/store/sqlite_event_store.h"

namespace engine {

/// The shop's history without what the trace brings live: for a shopper of the trace, the events
/// before its last row; that row's label and what follows are first known when traffic appends
/// them. Without a trace, everything. InvalidInput when a row points outside the data.
[[nodiscard]] Result<StoreSeed> storeSeed(const Dataset &data, const std::vector<TraceRow> &trace);

} // namespace engine
