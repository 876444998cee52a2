#pragma once
// Puts the gateway of a shop in front of KServe v2 servers that are not ours.

#include "engine/base/error.h"
#include "engine/base/paths.h"
#include "engine/cluster/cluster.h"

#include <string>
#include <vector>

namespace app {

struct AttachOrder
{
    std::string shop;                           ///< there already: its histories and trace are used
    std::vector<std::string> replicas, standby; ///< HOST:PORT
    std::string model;                          ///< "" = the only one that the servers have
};

/// Asks the servers, notes them in the shop's folder and brings the shop up to stay. On failure the
/// shop is attached as it was before.
[[nodiscard]] engine::Result<engine::ShopStatus> attachShop(const engine::Paths &paths,
                                                            const AttachOrder &order);
/// The shop's own replicas serve it again from its next start.
[[nodiscard]] engine::Result<> releaseShop(const engine::Paths &paths, const std::string &shop);

/// Names of a shop's targets that are attached; empty for a shop of our own.
[[nodiscard]] engine::Result<std::vector<std::string>> attachedTargets(const engine::Paths &paths,
                                                                       const std::string &shop);

} // namespace app
