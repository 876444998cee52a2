#pragma once
// What a shop consists of before anything runs: its processes, the edges between them and the
// configuration of each.

#include "engine/base/paths.h"
#include "engine/cluster/cluster.h"
#include "engine/fault/proxy.h"

#include <string>
#include <vector>

namespace engine {

struct PlannedProcess
{
    std::string target, role;
    std::vector<std::string> argv;
    std::string log;
    std::vector<std::shared_ptr<ProxyEdge>> edges; ///< that lead to it
};

struct ShopPlan
{
    std::string name, application;
    bool synthetic = false;
    std::string reference; ///< digest of the model the expected scores are of
    std::string digest;    ///< of the model that serves
    std::uint32_t items = 0;
    std::vector<PlannedProcess> processes; ///< in the order to start them
    std::shared_ptr<ProxyEdge> door;       ///< traffic->gateway
};

/// Reads the shop's folder, opens a port per edge and writes one configuration file per process
/// under Paths::home/nodes. NotFound and InvalidInput say what to do.
[[nodiscard]] Result<ShopPlan> planShop(const Paths &paths, const ShopSpec &spec, Proxy &proxy);

} // namespace engine
