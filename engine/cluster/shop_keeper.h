#pragma once
// What a shop whose processes are ours can do beside what every cluster can: respond in more ways
// than by a restart, and go without a safeguard to prove its worth. A Cluster that can is one too.

#include "engine/cluster/cluster.h"

#include <string>

namespace engine {

/// What protects data and models. Processes read it when they start.
struct Safeguards
{
    bool backup = true;       ///< the store ships its log and makes backups
    bool verification = true; ///< replicas refuse a model that is not as it was signed
    /// Sets one by its name in a drill's key-response; false when there is no such safeguard.
    bool set(std::string_view name, bool on)
    {
        if (name == "backup")
            backup = on;
        else if (name == "verification")
            verification = on;
        else
            return false;
        return true;
    }
    bool operator==(const Safeguards &) const = default;
};

/// Thread-safe, as Cluster.
class ShopKeeper
{
public:
    virtual ~ShopKeeper() = default;
    /// A response of the drill: restart, restore (the store), roll back (a replica), retrain (the
    /// shop).
    [[nodiscard]] virtual Result<> respond(const std::string &verb, const std::string &target) = 0;
    /// Makes what a fault needs before it can be applied, such as a bad model; may take a minute.
    [[nodiscard]] virtual Result<> prepareFault(const FaultSpec &) { return {}; }
    /// Starts anew what must read it, and returns when that serves. Without verification only on
    /// synthetic shops: InvalidInput. Everything is back on when the controller is gone.
    [[nodiscard]] virtual Result<> setSafeguards(const Safeguards &safeguards) = 0;
};

} // namespace engine
