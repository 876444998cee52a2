#pragma once
// Everything that happens in a run, as values: the recording stores them, RunState folds them,
// nothing else carries news. A new kind = one struct here + one branch in RunState::apply + one row
// in the recording test. A recorded kind never changes meaning; fields are only added at the end of
// a new kind.

#include "engine/event/training_events.h"

#include <string>
#include <variant>

namespace engine {

/// Times inside payloads (`at`) are CLOCK_MONOTONIC microseconds of the host that saw it happen.

/// First event of a run's file. `drill` is the resolved drill file as canonical JSON
/// (engine/drill/drill.h); rules, load and hold are read from there by the fold.
struct RunStarted
{
    std::string runId, drill, drillHash, shop, application, build;
    std::uint64_t seed = 0;
    bool synthetic = false;
    std::int64_t wall = 0;                ///< microseconds since 1970 at t = 0
    std::int64_t start = 0;               ///< CLOCK_MONOTONIC of t = 0, the first scheduled request
    std::string reference;                ///< digest of the reference model of the paired ratio
    std::vector<std::string> switchedOff; ///< responses switched off by --without
    template <class A>
    void fields(A &a)
    {
        a(runId);
        a(drill);
        a(drillHash);
        a(shop);
        a(application);
        a(build);
        a(seed);
        a(synthetic);
        a(wall);
        a(start);
        a(reference);
        a(switchedOff);
    }
};

enum class Phase : std::uint32_t { Preparing, WarmUp, Steady, Fault, Recovery, Holding, Finished };

struct PhaseChanged
{
    Phase phase = Phase::Preparing;
    std::int64_t at = 0;
    template <class A>
    void fields(A &a)
    {
        a(phase);
        a(at);
    }
};

enum class ProcessState : std::uint32_t {
    Starting,
    Serving,
    Degraded,
    Frozen,
    Down,
    Restarting,
    Stopped
};

/// One process of the shop changed. `target` is the operator's name: gateway, replica/2, store,
/// traffic, standby/1.
struct ProcessChanged
{
    std::string target, role, address, model, version, digest, detail;
    ProcessState state = ProcessState::Starting;
    std::int32_t pid = 0;
    std::uint32_t restarts = 0;
    std::int64_t at = 0;
    template <class A>
    void fields(A &a)
    {
        a(target);
        a(role);
        a(address);
        a(model);
        a(version);
        a(digest);
        a(detail);
        a(state);
        a(pid);
        a(restarts);
        a(at);
    }
};

enum class FaultState : std::uint32_t {
    Intended,    ///< written to the ledger, nothing done yet
    Applied,     ///< `at` is the instant of apply: the inject mark
    Confirmed,   ///< its effect probe saw it; `at` is when
    Unconfirmed, ///< not seen within 2 s: the run is INCONCLUSIVE
    Undoing,
    Undone, ///< undo verified by the effect probe (or the target answers again after a kill): the
            ///< clear mark
    UndoFailed, ///< `detail` holds the exact command to run by hand
    Refused     ///< radius rule, capability or target; `detail` says why
};

struct FaultChanged
{
    std::uint32_t id = 0; ///< unique within the run
    std::string step, fault, target, detail;
    FaultState state = FaultState::Intended;
    std::int64_t at = 0;
    std::int64_t deadline = 0; ///< when the agent undoes it by itself; 0 = none (a kill)
    template <class A>
    void fields(A &a)
    {
        a(id);
        a(step);
        a(fault);
        a(target);
        a(detail);
        a(state);
        a(at);
        a(deadline);
    }
};

/// A response acted (or ended: `active` false). kinds: ejection, breaker, fallback, restart,
/// restore, retrain, rollback, scale, alert.
struct ResponseChanged
{
    std::string kind, target, by, detail; ///< by: gateway, supervisor, drill, operator
    bool active = true;
    std::int64_t at = 0;
    template <class A>
    void fields(A &a)
    {
        a(kind);
        a(target);
        a(by);
        a(detail);
        a(active);
        a(at);
    }
};

/// An indicator of the steady state is outside (contracts 3.3), or inside again.
struct AlertChanged
{
    std::string indicator, rule;
    bool firing = false;
    double value = 0; ///< the reading that did it, in the rule's unit
    std::int64_t at = 0;
    template <class A>
    void fields(A &a)
    {
        a(indicator);
        a(rule);
        a(firing);
        a(value);
        a(at);
    }
};

enum class Act : std::uint32_t { Note, Acknowledge, Halt, HaltReleased, Undo, Restart, Skip };

struct OperatorActed
{
    Act act = Act::Note;
    std::string who, text, target;
    std::int64_t at = 0;
    template <class A>
    void fields(A &a)
    {
        a(act);
        a(who);
        a(text);
        a(target);
        a(at);
    }
};

struct GuardTripped
{
    std::string rule;
    std::int64_t at = 0;
    template <class A>
    void fields(A &a)
    {
        a(rule);
        a(at);
    }
};

/// The host did not run us for more than 20 ms (contracts 3.6).
struct HostStalled
{
    std::uint32_t core = 0;
    std::int64_t from = 0, to = 0;
    template <class A>
    void fields(A &a)
    {
        a(core);
        a(from);
        a(to);
    }
};

/// The agent or a source of telemetry stopped talking, or is back. `lost` events could not be kept.
struct LinkChanged
{
    std::string source, detail;
    bool up = true;
    std::uint64_t lost = 0;
    std::int64_t at = 0;
    template <class A>
    void fields(A &a)
    {
        a(source);
        a(detail);
        a(up);
        a(lost);
        a(at);
    }
};

enum class EndReason : std::uint32_t { Completed, Aborted, Errored };

/// Last event of a run. After it nothing changes the verdict.
struct RunEnded
{
    EndReason reason = EndReason::Completed;
    std::string detail;
    std::int64_t at = 0;
    template <class A>
    void fields(A &a)
    {
        a(reason);
        a(detail);
        a(at);
    }
};

/// Indices are the recorded kind numbers; append only.
using Payload = std::variant<RunStarted, PhaseChanged, ProcessChanged, FaultChanged,
                             ResponseChanged, AlertChanged, OperatorActed, GuardTripped,
                             HostStalled, LinkChanged, RunEnded, TrainingStarted, TrainingProgress,
                             TrainingMetric, TrainingNoted, TrainingSaved, TrainingChanged>;

/// `seq` and `t` (microseconds since t = 0 of the run, non-decreasing) are assigned by the recorder
/// alone.
struct Event
{
    std::uint64_t seq = 0;
    std::int64_t t = 0;
    Payload payload;
};

/// Name of a kind ("fault", "process", "response" ...), for filters, exports and the command line.
[[nodiscard]] std::string_view kindName(const Payload &payload);
/// The target or source the event is about, or "".
[[nodiscard]] std::string targetOf(const Payload &payload);
/// When it happened on the host that saw it (CLOCK_MONOTONIC microseconds), where the payload says.
[[nodiscard]] std::optional<std::int64_t> happenedAt(const Payload &payload);
/// CLOCK_MONOTONIC microseconds of t = 0, from the event that begins a file; else nothing.
[[nodiscard]] std::optional<std::int64_t> originOf(const Payload &payload);
/// One English sentence for logs, reports and `recording events`.
[[nodiscard]] std::string describe(const Payload &payload);
/// One JSON object: {"kind": ..., fields}, snake_case.
[[nodiscard]] std::string toJson(const Event &event);

[[nodiscard]] Bytes encodePayload(const Payload &payload);
[[nodiscard]] std::optional<Payload> decodePayload(std::uint32_t kind,
                                                   std::span<const std::uint8_t> data);

[[nodiscard]] std::string_view name(Phase phase);
[[nodiscard]] std::string_view name(ProcessState state);
[[nodiscard]] std::string_view name(FaultState state);
[[nodiscard]] std::string_view name(Act act);
[[nodiscard]] std::string_view name(EndReason reason);

} // namespace engine
