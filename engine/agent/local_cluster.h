#pragma once
// A shop on this machine: finds the home's agent or spawns one, holds its lease, and passes on what
// it tells.

#include "engine/base/clock.h"
#include "engine/base/paths.h"
#include "engine/cluster/cluster.h"
#include "engine/cluster/shop_keeper.h"

namespace engine {

struct LocalClusterOptions
{
    std::string name = "drillctl"; ///< who we are, for others that find the shop held
    bool readOnly = false;         ///< no lease: status, capabilities, telemetry and halt only
    bool spawn = true;             ///< start an agent when none runs; else Unavailable
};

/// Calls are thread-safe. Listener calls come on one thread of its own. link(false) within 1 s
/// after the agent is gone; then every call is Unavailable, and the controller makes a new
/// LocalCluster.
class LocalCluster final : public Cluster, public ShopKeeper
{
public:
    /// Busy names the holder of the lease.
    [[nodiscard]] static Result<std::unique_ptr<LocalCluster>>
    open(const Paths &paths, const Clock &clock, LocalClusterOptions options);
    ~LocalCluster() override;

    void listen(ClusterListener listener) override;
    [[nodiscard]] Result<Capabilities> capabilities() override;
    [[nodiscard]] Result<ShopStatus> shopUp(const ShopSpec &spec) override;
    [[nodiscard]] Result<> shopDown() override;
    [[nodiscard]] Result<ShopStatus> shopStatus() override;
    [[nodiscard]] Result<> startLoad(const LoadSpec &spec) override;
    [[nodiscard]] Result<> stopLoad() override;
    [[nodiscard]] Result<> setRate(double rate) override;
    [[nodiscard]] Result<> setSwitches(const Switches &switches) override;
    [[nodiscard]] Result<> applyFault(const FaultSpec &spec) override;
    [[nodiscard]] Result<> undoFault(std::uint32_t id) override;
    [[nodiscard]] Result<> undoAll() override;
    /// A restart by the drill; the operator's says so.
    [[nodiscard]] Result<> restart(const std::string &target) override;
    [[nodiscard]] Result<> respond(const std::string &verb, const std::string &target) override;
    [[nodiscard]] Result<> prepareFault(const FaultSpec &spec) override;
    [[nodiscard]] Result<> setSafeguards(const Safeguards &safeguards) override;
    /// What an operator has done beside a restart: retrain the shop, promote a version.
    [[nodiscard]] Result<> act(const std::string &verb, const std::string &target,
                               const std::string &by);
    [[nodiscard]] Result<> restartBy(const std::string &target, const std::string &by);
    [[nodiscard]] Result<> halt(bool release) override;

    /// The file that the coming run is recorded in: should the controller die, what was undone is
    /// written beside it (ID.undo.json).
    [[nodiscard]] Result<> setRecording(const std::filesystem::path &file);
    /// Pid of the agent, and who holds its lease ("" = nobody).
    struct AgentFacts
    {
        std::string version, holder;
        std::int32_t pid = 0;
        bool halted = false, stays = false;
    };
    [[nodiscard]] Result<AgentFacts> agent();

private:
    class Impl;
    explicit LocalCluster(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> m_impl;
};

/// The emergency stop (or its release) over the plain socket: needs no cluster and no lease,
/// returns within 1 s. NotFound when no agent runs, that is: when there is nothing to stop.
[[nodiscard]] Result<> haltOverSocket(const Paths &paths, bool release = false);

} // namespace engine
