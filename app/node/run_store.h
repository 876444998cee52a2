#pragma once
// Composes the store node: the shop's SQLite store behind the store service.

#include "engine/serving/node_config.h"

#include <string>

namespace app {

/// `restoreTo` is not empty: first the file is restored to that point (parseRestorePoint).
[[nodiscard]] int runStore(const engine::NodeConfig &config, const std::string &restoreTo);

} // namespace app
