#pragma once
// A fault: made at a boundary that the code under test cannot tell from the real thing, then
// measured. One fault = one file with apply, confirm, undo.

#include "engine/base/clock.h"
#include "engine/base/error.h"
#include "engine/fault/call_fault.h"
#include "engine/fault/ledger.h"
#include "engine/fault/proxy.h"

#include <filesystem>
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

/// What came back from a model server that was asked what its users ask.
struct AskedModel
{
    bool correct = false;
    int status = 0; ///< gRPC status code; DEADLINE_EXCEEDED (4) when no answer came in time
    Micros took{0};
    std::string digest{}; ///< of the model, as the reply names it
};

/// What the golden set says of the model that a target serves: what it earns of what the last good
/// model earns on the same questions, with the 95 % band.
struct GoldenLook
{
    std::string digest;
    double quality = 0, low = 0, high = 0;
    bool isWorse = false; ///< even the upper end of the band is too low
};

/// Tells one process of the shop what its calls suffer; returns at once, false when it is gone.
using CallTeller = std::function<bool(const CallFault &)>;

/// What faults can see and touch of a shop. Thread-safe; only answersCorrectly() and ask() may take
/// time (up to half a second, up to their limit).
class FaultWorld
{
public:
    virtual ~FaultWorld() = default;
    /// Nothing when the target is unknown or not running.
    [[nodiscard]] virtual std::optional<TargetProcess> process(const std::string &target) const = 0;
    [[nodiscard]] virtual std::shared_ptr<ProxyEdge> edge(const std::string &name) const = 0;
    /// Asks the target what its users ask and looks at the answer.
    [[nodiscard]] virtual bool answersCorrectly(const std::string &target) = 0;
    /// Nothing when the target serves no model or does not run.
    [[nodiscard]] virtual std::optional<AskedModel> ask(const std::string &target,
                                                        Micros limit) = 0;
    /// Empty when the target serves no model.
    [[nodiscard]] virtual CallTeller callFaults(const std::string &target) = 0;
    /// The file that the target keeps its data in, or the weights of the model it serves; empty
    /// when it has none.
    [[nodiscard]] virtual std::filesystem::path dataFile(const std::string &target) const = 0;
    [[nodiscard]] virtual std::filesystem::path modelFile(const std::string &target) const = 0;
    /// Has the target load its model anew, through its repository API; returns at once.
    virtual void reload(const std::string &target) = 0;
    /// How the newest reload() ended; nothing while it is under way.
    [[nodiscard]] virtual std::optional<Result<>> loaded(const std::string &target) const = 0;
    /// The folder of the shop that runs; empty when none does.
    [[nodiscard]] virtual std::filesystem::path shopFolder() const { return {}; }
    /// Those that serve the shop's model.
    [[nodiscard]] virtual std::vector<std::string> replicas() const { return {}; }
    /// Has these replicas load a version of the registry, also when they are started anew; returns
    /// at once, loaded() tells how it ended.
    virtual void deploy(const std::vector<std::string> &, const std::string &) {}
    /// Nothing before the model that serves there was scored.
    [[nodiscard]] virtual std::optional<GoldenLook> golden(const std::string &) const { return {}; }
    [[nodiscard]] virtual const Clock &clock() const = 0;
};

struct FaultRequest
{
    std::string target;
    std::map<std::string, std::string> settings;
    std::uint32_t id = 0;      ///< of the fault in its run
    std::uint64_t seed = 0;    ///< of the run, for what is decided per request
    Micros lasts{300'000'000}; ///< it ends then at the latest
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
    std::function<Result<std::unique_ptr<Fault>>(FaultWorld &, FaultRequest)> make;
    /// For an intent found in the ledger at start; says what was done.
    std::function<std::string(const LedgerIntent &, const Clock &)> repair;
};

[[nodiscard]] FaultKind processKill();
[[nodiscard]] FaultKind processFreeze();
[[nodiscard]] FaultKind networkCut();
[[nodiscard]] FaultKind modelSlow();
[[nodiscard]] FaultKind modelError();
[[nodiscard]] FaultKind modelCorrupt();
[[nodiscard]] FaultKind modelBadDeploy();
[[nodiscard]] FaultKind dataLose();

/// Every fault there is, by name.
[[nodiscard]] const std::vector<FaultKind> &faultKinds();
[[nodiscard]] const FaultKind *findFault(const std::string &name);
/// NotFound names the known ones; InvalidInput the unknown setting.
[[nodiscard]] Result<std::unique_ptr<Fault>> makeFault(FaultWorld &world, const std::string &name,
                                                       FaultRequest request);
[[nodiscard]] std::string repairFault(const LedgerIntent &intent, const Clock &clock);

} // namespace engine
