#pragma once
// The one interface to a shop wherever it runs: an agent here, an agent there, or Kubernetes.

#include "engine/base/error.h"
#include "engine/drill/drill.h"
#include "engine/event/event.h"
#include "engine/metrics/window.h"

#include <functional>
#include <memory>

namespace engine {

struct ProcessStatus
{
    std::string name, role, address, state, model, version, digest, log;
    std::int32_t pid = 0;
    std::uint32_t restarts = 0;
    bool attached = false; ///< a server that is not ours: only the wires to it can be broken
};

struct ShopStatus
{
    std::string name, state, application; ///< state: up, starting, down
    int replicas = 0;
    bool standby = false, stays = false, synthetic = false; ///< stays: started by `shop up`
    std::string reference;                 ///< digest of the model the expected scores are of
    std::vector<std::string> applications; ///< that it serves, recommend first
    std::vector<ProcessStatus> processes;
};

struct ShopSpec
{
    std::string name; ///< a folder under Paths::shops()
    int replicas = 3;
    bool standby = false;
    bool stays = false;
};

struct LoadSpec
{
    Load load;
    std::uint64_t seed = 1;
    MonoTime start{0};                 ///< t = 0, a multiple of kWindow, in the future
    std::vector<double> latencyLimits; ///< ms; traffic counts answers slower than each
};

struct FaultSpec
{
    std::uint32_t id = 0; ///< chosen by the caller, unique in the run
    std::string step, fault, target;
    std::map<std::string, std::string> settings;
    std::optional<Micros> duration;
    bool overrideLastHealthy = false;
    std::uint64_t seed = 0; ///< of the run, for what a fault decides per request
};

/// Emergency responses that can be switched off to prove their worth (`drill run --without`). All
/// but restart are the gateway's; what each does: engine/serving/gateway.md.
struct Switches
{
    bool restart = true, ejection = true, breaker = true, fallback = true, retry = true,
         hedging = true, standby = true, deadline = true, health = true, queue = true,
         priority = true, throttle = true, cache = true, canary = true, discovery = true;
    /// Sets one by its name in a drill's key-response; false when there is no such response.
    bool set(std::string_view name, bool on);
    [[nodiscard]] std::vector<std::pair<std::string_view, bool>> all() const;
    /// On where both are.
    [[nodiscard]] Switches operator&(const Switches &other) const;
    template <class A>
    void fields(A &a)
    {
        a(restart);
        a(ejection);
        a(breaker);
        a(fallback);
        a(retry);
        a(hedging);
        a(standby);
        a(deadline);
        a(health);
        a(queue);
        a(priority);
        a(throttle);
        a(cache);
        a(canary);
        a(discovery);
    }
};

struct Capabilities
{
    std::vector<std::string> faults;            ///< that can be applied here
    std::map<std::string, std::string> missing; ///< fault -> why not
};

/// News from the shop; called on the cluster's own thread, must not block.
struct ClusterListener
{
    std::function<void(Payload)> event;
    std::function<void(Window)> window;
    std::function<void(bool up, std::string why)> link; ///< the agent is gone or back
};

/// Thread-safe. Calls block until the agent answers (or time out after 5 s; shopUp after 60 s).
/// Destroying the controller gives the lease back: every fault of its run is undone; the shop ends
/// unless it stays.
class Cluster
{
public:
    virtual ~Cluster() = default;
    virtual void listen(ClusterListener listener) = 0;
    [[nodiscard]] virtual Result<Capabilities> capabilities() = 0;
    /// Returns when every process serves and a first correct reply came through the gateway.
    [[nodiscard]] virtual Result<ShopStatus> shopUp(const ShopSpec &spec) = 0;
    [[nodiscard]] virtual Result<> shopDown() = 0;
    [[nodiscard]] virtual Result<ShopStatus> shopStatus() = 0;
    [[nodiscard]] virtual Result<> startLoad(const LoadSpec &spec) = 0;
    [[nodiscard]] virtual Result<> stopLoad() = 0;
    /// Requests per second of the load that runs; works without the lease, and becomes an event.
    [[nodiscard]] virtual Result<> setRate(double)
    {
        return fail(ErrorCode::Usage, "This cluster cannot change the rate of a running load");
    }
    [[nodiscard]] virtual Result<> setSwitches(const Switches &switches) = 0;
    /// Returns once the ledger holds the undo and the fault was applied; Confirmed, Undone ... come
    /// as events.
    [[nodiscard]] virtual Result<> applyFault(const FaultSpec &spec) = 0;
    [[nodiscard]] virtual Result<> undoFault(std::uint32_t id) = 0;
    [[nodiscard]] virtual Result<> undoAll() = 0;
    [[nodiscard]] virtual Result<> restart(const std::string &target) = 0;
    /// Everything undone, nothing new starts until released. Works without the lease.
    [[nodiscard]] virtual Result<> halt(bool release) = 0;
};

} // namespace engine
