#pragma once
// The models of a shop with their states, for drillctl and the console.

#include "engine/base/paths.h"
#include "engine/cluster/cluster.h"
#include "engine/cluster/trainings.h"

namespace app {

/// Reads the registry and the signatures. `running`: the shop that the agent runs now, or null; a
/// model can be a canary only there.
[[nodiscard]] engine::Result<engine::ShopModels>
shopModels(const engine::Paths &paths, const std::string &shop, const engine::ShopStatus *running);

/// What the agent runs now; nothing when no agent is there or it runs no shop. Asks, needs no
/// lease.
[[nodiscard]] std::optional<engine::ShopStatus> runningShop(const engine::Paths &paths);

} // namespace app
