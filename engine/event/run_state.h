#pragma once
// The state of a run at one instant: the fold of its events and rows, the only thing that pages and
// reports read. Pure: no clock, chance, locale, pointer or hash order. Value type, encodable, so
// that keyframes can hold it.

#include "engine/base/digest.h"
#include "engine/drill/judge.h"
#include "engine/event/event.h"
#include "engine/event/training_view.h"

namespace engine {

struct FaultView
{
    FaultChanged last;                                      ///< newest change
    std::optional<std::int64_t> applied, confirmed, undone; ///< us since t = 0
    template <class A>
    void fields(A &a)
    {
        a(last);
        a(applied);
        a(confirmed);
        a(undone);
    }
};

/// `from`/`to` in us since t = 0; `to` absent = still on.
struct ResponseView
{
    ResponseChanged first;
    std::int64_t from = 0;
    std::optional<std::int64_t> to;
    template <class A>
    void fields(A &a)
    {
        a(first);
        a(from);
        a(to);
    }
};

struct AlertView
{
    AlertChanged first;
    std::int64_t from = 0;
    std::optional<std::int64_t> to;
    template <class A>
    void fields(A &a)
    {
        a(first);
        a(from);
        a(to);
    }
};

struct NoteView
{
    OperatorActed act;
    std::int64_t t = 0;
    template <class A>
    void fields(A &a)
    {
        a(act);
        a(t);
    }
};

struct RunState
{
    std::int64_t t = 0;    ///< of the newest row or event folded, us since t = 0
    std::uint64_t seq = 0; ///< newest event folded
    RunStarted run;
    Phase phase = Phase::Preparing;
    std::map<std::string, ProcessChanged> processes; ///< by target
    std::map<std::uint32_t, FaultView> faults;       ///< by fault id
    std::vector<ResponseView> responses; ///< in order; at most 500 kept, then the count goes on
    std::vector<AlertView> alerts;       ///< at most 500 kept, as all lists here
    std::vector<NoteView> acts;
    std::map<std::string, LinkChanged> links;
    std::map<std::string, float> row; ///< newest row by series; NaN = gap
    std::optional<RunEnded> ended;
    std::optional<GuardTripped> guard;
    std::uint64_t stalls = 0;
    bool halted = false;
    Judge judge;
    /// All there were, kept or not.
    std::uint64_t responsesSeen = 0, alertsSeen = 0, actsSeen = 0;
    std::optional<TrainingView> training; ///< in the recording of a training only

    void apply(const Event &event);
    void apply(const RowView &row);
    [[nodiscard]] Verdict verdict() const { return judge.verdict(); }
    [[nodiscard]] Digest hash() const; ///< SHA-256 of the canonical encoding

    template <class A>
    void fields(A &a)
    {
        a(t);
        a(seq);
        a(run);
        a(phase);
        a(processes);
        a(faults);
        a(responses);
        a(alerts);
        a(acts);
        a(links);
        a(row);
        a(ended);
        a(guard);
        a(stalls);
        a(halted);
        a(judge);
        a(responsesSeen);
        a(alertsSeen);
        a(actsSeen);
        a(training);
    }
};

} // namespace engine
