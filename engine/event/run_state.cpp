#include "engine/event/run_state.h"

namespace engine {
namespace {

/// A run that flaps must not grow every keyframe for ever.
constexpr std::size_t kKept = 500;

/// Where on the run's axis an event stands: where its host saw it happen, else where it arrived.
std::int64_t place(const RunState &state, std::int64_t at, const Event &event)
{
    return at == 0 || state.run.start == 0 ? event.t : at - state.run.start;
}

template <class View>
void keep(std::vector<View> &list, View view)
{
    if (list.size() < kKept)
        list.push_back(std::move(view));
}

/// Ends the newest open view that `same` names.
template <class View, class Same>
void end(std::vector<View> &list, std::int64_t at, Same same)
{
    for (auto it = list.rbegin(); it != list.rend(); ++it) {
        if (!it->to && same(it->first)) {
            it->to = at;
            return;
        }
    }
}

struct Apply
{
    RunState &state;
    const Event &event;

    void operator()(const RunStarted &e) { state.run = e; }
    void operator()(const PhaseChanged &e) { state.phase = e.phase; }
    void operator()(const ProcessChanged &e) { state.processes[e.target] = e; }
    void operator()(const FaultChanged &e)
    {
        auto &view = state.faults[e.id];
        view.last = e;
        const auto at = place(state, e.at, event);
        if (e.state == FaultState::Applied)
            view.applied = at;
        else if (e.state == FaultState::Confirmed)
            view.confirmed = at;
        else if (e.state == FaultState::Undone)
            view.undone = at;
    }
    void operator()(const ResponseChanged &e)
    {
        const auto at = place(state, e.at, event);
        if (e.active) {
            ++state.responsesSeen;
            keep(state.responses, ResponseView{e, at, std::nullopt});
            return;
        }
        end(state.responses, at, [&](const ResponseChanged &open) {
            return open.kind == e.kind && open.target == e.target;
        });
    }
    void operator()(const AlertChanged &e)
    {
        const auto at = place(state, e.at, event);
        if (e.firing) {
            ++state.alertsSeen;
            keep(state.alerts, AlertView{e, at, std::nullopt});
            return;
        }
        end(state.alerts, at,
            [&](const AlertChanged &open) { return open.indicator == e.indicator; });
    }
    void operator()(const OperatorActed &e)
    {
        ++state.actsSeen;
        keep(state.acts, NoteView{e, event.t});
        if (e.act == Act::Halt)
            state.halted = true;
        else if (e.act == Act::HaltReleased)
            state.halted = false;
    }
    void operator()(const GuardTripped &e)
    {
        if (!state.guard)
            state.guard = e;
    }
    void operator()(const HostStalled &) { ++state.stalls; }
    void operator()(const LinkChanged &e) { state.links[e.source] = e; }
    void operator()(const RunEnded &e)
    {
        if (!state.ended)
            state.ended = e;
    }
    template <class E>
    requires requires(TrainingView &view, const E &e) { view.apply(e); }
    void operator()(const E &e)
    {
        if (!state.training)
            state.training.emplace();
        state.training->apply(e);
    }
};

} // namespace

void RunState::apply(const Event &event)
{
    t = event.t;
    seq = event.seq;
    std::visit(Apply{*this, event}, event.payload);
    judge.apply(event);
}

void RunState::apply(const RowView &view)
{
    t = view.t;
    for (std::size_t i = 0; i < view.names.size() && i < view.values.size(); ++i)
        row[view.names[i]] = view.values[i];
    judge.apply(view);
}

Digest RunState::hash() const
{
    return sha256(encode(*this));
}

} // namespace engine
