#pragma once
// The replica process from its config to its exit code.

#include "engine/serving/node_config.h"
#include "engine/serving/replica_service.h"

namespace engine {

/// Loads and warms the model, serves it on a loopback port, says hello to the agent; ends on
/// SIGTERM, a drain command or the agent's end. Returns the exit code: 5 when the package is not to
/// be trusted, with the reason in a NodeState.
/// `others`: the applications that it serves beside recommend.
[[nodiscard]] int runReplica(const NodeConfig &config, const ScorerSource &source,
                             const std::vector<ServedApplication> &others = {});

} // namespace engine
