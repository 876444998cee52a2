#pragma once
// Where a replica's models come from: signed packages of its shop, verified before they are used.

#include "engine/serving/node_config.h"
#include "engine/serving/replica_model.h"

namespace app {

/// "" opens options.package; a version opens packages/VERSION of the shop. Insists on the signature
/// of this installation's key (or options.trusted, hex), the shop's items and the registry's floor;
/// options.unsafe skips that on synthetic shops only. Copies what it needs of `config`.
[[nodiscard]] engine::ScorerSource packageSource(const engine::NodeConfig &config);

} // namespace app
