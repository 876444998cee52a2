#pragma once
// Composes the store node: the shop's SQLite store behind the store service.

#include "engine/serving/node_config.h"

namespace app {

[[nodiscard]] int runStore(const engine::NodeConfig &config);

} // namespace app
