#pragma once
// A fault: made at a boundary that the code under test cannot tell from the real thing, then
// measured. One fault = one file with apply, confirm, undo.

#include "engine/base/clock.h"
#include "engine/base/error.h"
#include "engine/fault/ledger.h"
#include "engine/fault/proxy.h"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace engine {

struct TargetProcess
{
    ProcessId id;
    std::uint16_t port = 0; ///< loopback port it serves on; 0 = none
};

/// What faults can see and touch of a shop. Thread-safe; only answersCorrectly() may take time (up
/// to half a second).
class FaultWorld
{
public:
    virtual ~FaultWorld() = default;
    /// Nothing when the target is unknown or not running.
    [[nodiscard]] virtual std::optional<TargetProcess> process(const std::string &target) const = 0;
    [[nodiscard]] virtual std::shared_ptr<ProxyEdge> edge(const std::string &name) const = 0;
    /// Asks the target what its users ask and looks at the answer.
    [[nodiscard]] virtual bool answersCorrectly(const std::string &target) = 0;
    [[nodiscard]] virtual const Clock &clock() const = 0;
};

struct FaultRequest
{
    std::string target;
    std::map<std::string, std::string> settings;
};

/// One application of a fault. prepare, isConfirmed and isCleared may take up to a second and are
/// called one at a time; apply and undo return at once and run on the thread that must never wait.
class Fault
{
public:
    virtual ~Fault() = default;
    /// Looks at the target as it is now; an error means that the fault cannot be applied there.
    [[nodiscard]] virtual Result<> prepare() = 0;
    /// What the ledger must hold before apply().
    [[nodiscard]] virtual LedgerIntent intent() const = 0;
    [[nodiscard]] virtual Result<> apply() = 0;
    /// One look: the effect is really there.
    [[nodiscard]] virtual bool isConfirmed() = 0;
    /// A second call changes nothing.
    virtual void undo() = 0;
    /// One look: the target works again.
    [[nodiscard]] virtual bool isCleared() = 0;
    /// The command that undoes it by hand, for the operator.
    [[nodiscard]] virtual std::string byHand() const = 0;
};

struct FaultKind
{
    std::string name, summary;
    std::map<std::string, std::string> settings; ///< name -> what it means
    bool lasts = true;                           ///< false: over in an instant, nothing to undo
    Micros cap{300'000'000};                     ///< undone then at the latest
    std::function<std::unique_ptr<Fault>(FaultWorld &, FaultRequest)> make;
    /// For an intent found in the ledger at start; says what was done.
    std::function<std::string(const LedgerIntent &, const Clock &)> repair;
};

[[nodiscard]] FaultKind processKill();
[[nodiscard]] FaultKind processFreeze();
[[nodiscard]] FaultKind networkCut();

/// Every fault there is, by name.
[[nodiscard]] const std::vector<FaultKind> &faultKinds();
[[nodiscard]] const FaultKind *findFault(const std::string &name);
/// NotFound names the known ones; InvalidInput the unknown setting.
[[nodiscard]] Result<std::unique_ptr<Fault>> makeFault(FaultWorld &world, const std::string &name,
                                                       FaultRequest request);
[[nodiscard]] std::string repairFault(const LedgerIntent &intent, const Clock &clock);

} // namespace engine
