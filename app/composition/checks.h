#pragma once
// What this workstation can do, line by line, with the fix for each no: `drillctl doctor` and Home
// show the same.

#include "engine/base/paths.h"
#include "engine/cluster/operations.h"

namespace app {

/// Reads files and /proc only (no network); takes some milliseconds. Any thread.
[[nodiscard]] std::vector<engine::Check> workstationChecks(const engine::Paths &paths);

} // namespace app
