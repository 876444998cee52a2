// One turn of a running drill: listen, judge, break, undo, respond.

#include "engine/drill/drill_runner.h"
#include "engine/drill/monitor.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

namespace engine {
namespace {

constexpr Micros kTick{50'000};
constexpr Micros kTell{200'000};
constexpr Micros kExtra{30'000'000};
/// The agent says Unconfirmed after 2 s; without any word the runner says it a little later.
constexpr Micros kConfirmPatience{3'500'000};

} // namespace

Micros DrillRunner::sinceStart() const
{
    return m_clock.now() - m_start;
}

MonoTime DrillRunner::nextWake() const
{
    const auto now = m_clock.now();
    auto next = now + kTick;
    for (const auto &step : m_steps) {
        if (!step.tried)
            next = std::min(next, std::max(now, m_start + step.what.at));
        else if (step.applied && step.what.duration && !step.undoAsked && !step.ended)
            next = std::min(next, std::max(now, MonoTime{*step.applied} + *step.what.duration));
    }
    return next;
}

std::optional<DrillRunner::Ending> DrillRunner::tick(std::stop_token stop)
{
    drain();
    m_monitor->advance(m_clock.now());
    if (m_agentGone)
        return Ending{EndReason::Errored, "The agent is gone: " + *m_agentGone};
    if (m_halted)
        return Ending{EndReason::Aborted, "The emergency stop was pulled"};
    {
        const std::lock_guard lock(m_mutex);
        if (m_abort)
            return Ending{EndReason::Aborted, *m_abort};
    }
    if (stop.stop_requested())
        return Ending{EndReason::Aborted, "The run was stopped by its controller"};

    const auto t = sinceStart();
    if (m_phase == Phase::Preparing && t >= Micros{0})
        setPhase(Phase::WarmUp);
    if (m_phase == Phase::WarmUp && t >= m_drill.load.warmUp)
        setPhase(Phase::Steady);
    watchAlerts();
    for (std::size_t i = 0; i < m_guards.size(); ++i) {
        if (!m_monitor->isTripped(m_guards[i]))
            continue;
        append(GuardTripped{m_drill.guards[i].text, m_clock.now().count()});
        // Undone first of all, by the shortest way; what it answers changes nothing here.
        (void)m_cluster.halt(false);
        return Ending{EndReason::Aborted, "The guard tripped: " + m_drill.guards[i].text};
    }
    for (auto &step : m_steps) {
        if (!step.tried && t >= step.what.at)
            applyStep(step);
        if (step.refused || step.unconfirmed)
            return Ending{EndReason::Completed, "The fault did not take effect"};
        undoStep(step);
    }
    for (auto &response : m_responses)
        respond(response);
    const bool anyApplied = std::any_of(m_steps.begin(), m_steps.end(),
                                        [](const Step &step) { return step.applied.has_value(); });
    if (anyApplied && !isAllClear())
        setPhase(Phase::Fault);
    else if (anyApplied)
        setPhase(m_monitor->judge().outside().empty() ? Phase::Holding : Phase::Recovery);
    if (m_clock.now() - m_told >= kTell)
        say(m_message);
    if (t >= m_drill.load.length
        && (m_monitor->judge().settled() || t >= m_drill.load.length + kExtra))
        return Ending{};
    return std::nullopt;
}

void DrillRunner::drain()
{
    std::deque<News> news;
    {
        const std::lock_guard lock(m_mutex);
        news.swap(m_inbox);
    }
    for (auto &each : news) {
        if (each.event) {
            see(*each.event);
            m_monitor->apply(*each.event, m_clock.now());
            m_sink.append(std::move(*each.event));
        } else if (each.window) {
            m_monitor->apply(*each.window);
            m_sink.append(std::move(*each.window));
        } else if (each.gone) {
            m_agentGone = each.gone;
            append(LinkChanged{"agent", *each.gone, false, 0, m_clock.now().count()});
        }
    }
}

void DrillRunner::see(const Payload &payload)
{
    if (const auto *process = std::get_if<ProcessChanged>(&payload)) {
        m_processes[process->target] = process->state;
    } else if (const auto *act = std::get_if<OperatorActed>(&payload)) {
        m_halted = m_halted || act->act == Act::Halt;
    } else if (const auto *fault = std::get_if<FaultChanged>(&payload)) {
        const auto it = std::find_if(m_steps.begin(), m_steps.end(),
                                     [&](const Step &step) { return step.id == fault->id; });
        if (it == m_steps.end())
            return;
        switch (fault->state) {
        case FaultState::Applied:
            it->applied = it->applied.value_or(fault->at);
            break;
        case FaultState::Confirmed:
            it->confirmed = true;
            break;
        case FaultState::Unconfirmed:
            it->unconfirmed = true;
            break;
        case FaultState::Refused:
            it->refused = true;
            break;
        case FaultState::Undone:
        case FaultState::UndoFailed:
            it->ended = fault->at;
            break;
        case FaultState::Intended:
        case FaultState::Undoing:
            break;
        }
    }
}

void DrillRunner::applyStep(Step &step)
{
    step.tried = true;
    step.triedAt = m_clock.now().count();
    const auto &what = step.what;
    say(fmt::format("{}: {} on {}", what.name, what.fault, what.target));
    const auto applied =
        m_cluster.applyFault({step.id, what.name, what.fault, what.target, what.settings,
                              what.duration, what.overrideLastHealthy, m_settings.seed});
    drain();
    if (applied || step.refused)
        return;
    step.refused = true;
    FaultChanged refused;
    refused.id = step.id;
    refused.step = what.name;
    refused.fault = what.fault;
    refused.target = what.target;
    refused.detail = applied.error().message;
    refused.state = FaultState::Refused;
    refused.at = m_clock.now().count();
    append(std::move(refused));
}

void DrillRunner::undoStep(Step &step)
{
    const auto now = m_clock.now();
    if (step.tried && !step.confirmed && !step.unconfirmed
        && now.count() - step.triedAt > kConfirmPatience.count()) {
        step.unconfirmed = true;
        FaultChanged silent;
        silent.id = step.id;
        silent.step = step.what.name;
        silent.fault = step.what.fault;
        silent.target = step.what.target;
        silent.detail = "the agent said nothing of its effect";
        silent.state = FaultState::Unconfirmed;
        silent.at = now.count();
        append(std::move(silent));
    }
    if (!step.applied || step.undoAsked || step.ended || !step.what.duration
        || now.count() < *step.applied + step.what.duration->count())
        return;
    step.undoAsked = true;
    say(fmt::format("undoing {}", step.what.name));
    // The agent undoes it at its own deadline too, and says Undone or UndoFailed: that counts.
    (void)m_cluster.undoFault(step.id);
    drain();
}

void DrillRunner::respond(Response &response)
{
    const auto &what = response.what;
    // The supervisor acts on an exit by itself, and on nothing else unless the drill says so.
    const bool actsAlone =
        what.by == "gateway" || (what.by == "supervisor" && what.whenState == "down");
    if (response.isOff || actsAlone)
        return;
    bool isDue = false;
    if (response.watch) {
        isDue = m_monitor->isTripped(*response.watch);
    } else if (const auto it = m_processes.find(what.whenTarget); it != m_processes.end()) {
        isDue =
            it->second == (what.whenState == "frozen" ? ProcessState::Frozen : ProcessState::Down);
    }
    if (!isDue || response.acted) {
        response.acted = response.acted && isDue;
        return;
    }
    response.acted = true;
    say(fmt::format("{}: {} {}", what.name, what.verb, what.target));
    if (what.verb == "alert") {
        append(
            ResponseChanged{"alert", what.target, "drill", what.name, true, m_clock.now().count()});
        return;
    }
    // The agent says itself what it does; only a refusal would go unheard.
    auto *keeper = dynamic_cast<ShopKeeper *>(&m_cluster);
    const auto done = keeper ? keeper->respond(what.verb, what.target)
                      : what.verb == "restart"
                          ? m_cluster.restart(what.target)
                          : Result<>(fail(ErrorCode::Usage, "This shop cannot " + what.verb));
    if (!done)
        append(ResponseChanged{what.verb, what.target, "drill", done.error().message, false,
                               m_clock.now().count()});
    drain();
}

void DrillRunner::watchAlerts()
{
    const auto &judge = m_monitor->judge();
    auto outside = judge.outside();
    const auto change = [&](const std::string &indicator, bool firing) {
        AlertChanged alert;
        alert.indicator = indicator;
        alert.firing = firing;
        const double reading = judge.reading(indicator);
        alert.value = std::isnan(reading) ? 0 : reading;
        alert.at = m_clock.now().count();
        for (const auto &each : m_drill.steadyState)
            if (each.name == indicator)
                alert.rule = each.rule.text();
        append(std::move(alert));
    };
    const auto has = [](const auto &list, const std::string &each) {
        return std::find(list.begin(), list.end(), each) != list.end();
    };
    for (const auto &indicator : outside)
        if (!has(m_firing, indicator))
            change(indicator, true);
    for (const auto &indicator : m_firing)
        if (!has(outside, indicator))
            change(indicator, false);
    m_firing = std::move(outside);
}

bool DrillRunner::isAllClear() const
{
    return std::all_of(m_steps.begin(), m_steps.end(),
                       [](const Step &step) { return !step.applied || step.ended.has_value(); });
}

} // namespace engine
