#pragma once
// What a shop consists of before anything runs: its processes, the edges between them and the
// configuration of each.

#include "engine/agent/attached.h"
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
    std::filesystem::path config;                  ///< its configuration file
    std::filesystem::path package;                 ///< of the model it serves; empty: none
    std::optional<HostPort> attachedAt; ///< a server that is not ours: nothing is started
    std::string attachedAddress;        ///< the same, as the operator wrote it
};

struct ShopPlan
{
    std::string name, application;
    std::vector<std::string> applications; ///< that it serves, recommend first
    std::filesystem::path folder;          ///< of the shop
    bool synthetic = false;
    std::string reference; ///< digest of the model the expected scores are of
    std::string digest;    ///< of the model that serves
    std::uint32_t items = 0;
    std::optional<ModelDialect> dialect;   ///< of attached replicas
    std::vector<PlannedProcess> processes; ///< in the order to start them
    std::shared_ptr<ProxyEdge> door;       ///< traffic->gateway
};

/// Changes one option in a process's configuration; it holds from its next start.
[[nodiscard]] Result<> setNodeOption(const PlannedProcess &process, const std::string &option,
                                     bool on);

/// The package it serves from its next start on.
[[nodiscard]] Result<> setNodePackage(PlannedProcess &process,
                                      const std::filesystem::path &package);
/// Where the gateway of the running shop reads its endpoints and canary from.
[[nodiscard]] std::filesystem::path endpointsFile(const Paths &paths);
/// Tells the gateway through its endpoints which replicas have a new model and for which share of
/// the shoppers; none ends that.
[[nodiscard]] Result<> setCanary(const Paths &paths, const std::vector<std::string> &targets,
                                 double share);

/// Reads the shop's folder, opens a port per edge and writes one configuration file per process
/// under Paths::home/nodes. NotFound and InvalidInput say what to do.
[[nodiscard]] Result<ShopPlan> planShop(const Paths &paths, const ShopSpec &spec, Proxy &proxy);

} // namespace engine
