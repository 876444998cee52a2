#pragma once
// Where a replica's models come from: signed packages of its shop, verified before they are used.

#include "engine/serving/replica_node.h"

namespace app {

/// "" opens options.package; a version opens packages/VERSION of the shop. Insists on the signature
/// of this installation's key (or options.trusted, hex), the shop's items and the registry's floor;
/// options.unsafe skips that on synthetic shops only. Copies what it needs of `config`.
[[nodiscard]] engine::ScorerSource packageSource(const engine::NodeConfig &config);

/// The same for options.applications: [{"name": "search", "package": FOLDER}, ...], each with its
/// own registry and feature schema. InvalidInput when the list is no such list.
[[nodiscard]] engine::Result<std::vector<engine::ServedApplication>>
servedApplications(const engine::NodeConfig &config);

} // namespace app
