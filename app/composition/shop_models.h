#pragma once
// The models of a shop with their states, for drillctl and the console.

#include "engine/base/paths.h"
#include "engine/cluster/cluster.h"
#include "engine/cluster/trainings.h"

namespace app {

/// Where the registry and the packages of one of the shop's applications lie; "recommend" are the
/// shop's own. NotFound when the shop does not have it.
[[nodiscard]] engine::Result<std::filesystem::path>
modelFolder(const engine::Paths &paths, const std::string &shop, const std::string &application);

/// Reads the registry and the signatures. `running`: the shop that the agent runs now, or null; a
/// model can be a canary only there, and only one of the recommendations.
[[nodiscard]] engine::Result<engine::ShopModels>
shopModels(const engine::Paths &paths, const std::string &shop, const engine::ShopStatus *running,
           const std::string &application = "recommend");

/// What the agent runs now; nothing when no agent is there or it runs no shop. Asks, needs no
/// lease.
[[nodiscard]] std::optional<engine::ShopStatus> runningShop(const engine::Paths &paths);

} // namespace app
