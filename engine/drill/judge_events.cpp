// What the judge takes from events: marks, counts, stalls, the end.

#include "engine/drill/judge_state.h"

namespace engine {
namespace {

constexpr std::int64_t kRow = kWindow.count();
constexpr std::int64_t kStall = 20'000;
constexpr std::int64_t kFarthest = 1'000'000'000'000'000; ///< 31 years
constexpr std::size_t kMostFaults = 64, kMostStalls = 64, kMostPending = 256;

/// Contracts 3.6: the stall meter is off while the drill itself takes the processor away.
bool isCpuFault(std::string_view fault)
{
    return fault.starts_with("cpu.") || fault == "process.slow" || fault == "limit.cpu";
}

/// Contracts 5.2: not retry, not hedge.
bool isCounted(std::string_view kind)
{
    return kind == "ejection" || kind == "breaker" || kind == "fallback" || kind == "restart"
           || kind == "rollback";
}

} // namespace

void Judge::State::beginJudging(std::int64_t at)
{
    judgedFrom = std::max(at - at % kRow, cursor);
    for (const auto early : earlyResponses)
        if (early >= at)
            countResponse(early);
    earlyResponses.clear();
    closeWindows();
}

void Judge::State::countResponse(std::int64_t at)
{
    ++responses;
    const auto &rule = config->drill.verdict.responses;
    if (rule && !responseBroke && !rule->holds(static_cast<double>(responses)))
        responseBroke = at;
    if (inject && !mitigate)
        mitigate = at;
    if (pendingResponses.size() < kMostPending)
        pendingResponses.push_back(at);
}

void Judge::State::apply(const Event &event)
{
    if (ended)
        return;
    if (const auto *begun = std::get_if<RunStarted>(&event.payload)) {
        if (started)
            return;
        started = true;
        drillJson = begun->drill;
        start = begun->start;
        synthetic = begun->synthetic;
        switchedOff = begun->switchedOff;
        configure();
        return;
    }
    if (!started)
        return;
    // Clamped, so that no time of a hostile recording can overflow what is done with it.
    const auto since = [this](std::int64_t at) {
        const auto wrapped = static_cast<std::uint64_t>(at) - static_cast<std::uint64_t>(start);
        return std::clamp(static_cast<std::int64_t>(wrapped), -kFarthest, kFarthest);
    };
    if (const auto *fault = std::get_if<FaultChanged>(&event.payload)) {
        if (faults.size() >= kMostFaults && !faults.contains(fault->id))
            return;
        auto &track = faults[fault->id];
        track.step = fault->step;
        track.fault = fault->fault;
        track.target = fault->target;
        const auto at = since(fault->at);
        switch (fault->state) {
        case FaultState::Intended:
            break;
        case FaultState::Applied:
            if (track.applied)
                break;
            track.applied = at;
            if (fault->fault.starts_with("data."))
                dataLoss.lost(at);
            cpuFaults += isCpuFault(fault->fault) ? 1 : 0;
            if (!inject && config && !config->drill.method.empty()) {
                inject = at;
                beginJudging(at);
            }
            break;
        case FaultState::Confirmed:
            track.confirmed = track.confirmed.value_or(at);
            break;
        case FaultState::Unconfirmed:
            track.unconfirmed = true;
            track.detail = fault->detail;
            break;
        case FaultState::Undoing:
            track.undoing = track.undoing.value_or(at);
            break;
        case FaultState::Undone:
            if (!track.undone && track.applied && isCpuFault(fault->fault))
                --cpuFaults;
            track.undone = track.undone.value_or(at);
            break;
        case FaultState::UndoFailed:
            track.undoFailed = true;
            track.detail = fault->detail;
            break;
        case FaultState::Refused:
            track.refused = true;
            track.detail = fault->detail;
            break;
        }
    } else if (const auto *response = std::get_if<ResponseChanged>(&event.payload)) {
        if (!response->active || !isCounted(response->kind) || !config)
            return;
        const auto at = since(response->at);
        if (loadEnd && at > *loadEnd)
            return; // the tool's own tidying up
        if (judgedFrom && at >= inject.value_or(*judgedFrom)) {
            const bool wasBroken = responseBroke.has_value();
            countResponse(at);
            if (!wasBroken && responseBroke)
                responseBehind = response->kind + " " + response->target;
        } else if (!judgedFrom && earlyResponses.size() < kMostFaults) {
            earlyResponses.push_back(at);
        }
    } else if (const auto *alert = std::get_if<AlertChanged>(&event.payload)) {
        const auto at = since(alert->at);
        if (!alert->firing || !judgedFrom || at < inject.value_or(*judgedFrom))
            return;
        ++alarms;
        if (inject && !detect)
            detect = at;
        const auto &rule = config->drill.verdict.alarms;
        if (rule && !alarmBroke && !rule->holds(static_cast<double>(alarms))) {
            alarmBroke = at;
            alarmBehind = alert->indicator;
        }
    } else if (const auto *act = std::get_if<OperatorActed>(&event.payload)) {
        if (act->act == Act::Acknowledge && inject && since(act->at) >= *inject && !acknowledge)
            acknowledge = since(act->at);
        halted = halted || act->act == Act::Halt;
    } else if (const auto *trip = std::get_if<GuardTripped>(&event.payload)) {
        if (guard.empty())
            guard = trip->rule;
    } else if (const auto *stall = std::get_if<HostStalled>(&event.payload)) {
        if (since(stall->to) - since(stall->from) <= kStall || since(stall->to) <= cursor)
            return;
        if (stalls.size() == kMostStalls)
            stalls.erase(stalls.begin());
        stalls.push_back({since(stall->from), since(stall->to)});
    } else if (const auto *phase = std::get_if<PhaseChanged>(&event.payload)) {
        if (phase->phase == Phase::Finished && !loadEnd)
            loadEnd = since(phase->at);
    } else if (const auto *end = std::get_if<RunEnded>(&event.payload)) {
        ended = since(end->at);
        endReason = static_cast<std::uint32_t>(end->reason);
        endDetail = end->detail;
        if (config)
            finish();
    }
}

void Judge::State::finish()
{
    closeWindows();
    // The last part of a second is no window, but its requests belong to the span.
    for (const auto &row : rows)
        if (judgedFrom && cursor >= *judgedFrom && row.t <= config->drill.load.length.count())
            add(judged, row, config->gauges);
    rows.clear();
}

} // namespace engine
