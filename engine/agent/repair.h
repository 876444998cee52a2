#pragma once
// What an agent does before anything else: it undoes what its predecessor could not.

#include "engine/base/paths.h"
#include "engine/fault/ledger.h"

namespace engine {

/// Undoes every pending intent, notes it in the ledger, and writes the outcome to
/// Paths::home/repair.json and beside the recording of the run (ID.undo.json).
[[nodiscard]] Result<> repairFromLedger(Ledger &ledger, const Paths &paths, const Clock &clock);

} // namespace engine
