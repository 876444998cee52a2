#pragma once
// `drillroom-node traffic`: the shoppers as a process of the shop.

#include "engine/serving/node_config.h"

namespace engine {

/// Runs until the agent drains it, is gone, or a signal asks it to end. Call it before any thread
/// or gRPC was started. The exit code of the process.
[[nodiscard]] int runTraffic(const NodeConfig &config);

} // namespace engine
