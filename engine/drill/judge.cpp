#include "engine/drill/judge.h"

#include "engine/drill/judge_state.h"
#include "engine/metrics/window.h"

namespace engine {
namespace {

constexpr std::int64_t kRow = kWindow.count();
/// A stall and an event arrive a little after the rows that they touch.
constexpr std::int64_t kGrace = 300'000;
/// Before the inject nobody waits for a reading, and a late word of the inject must still find its
/// rows open; as long as a fault may take to be confirmed.
constexpr std::int64_t kBaselineGrace = 2'000'000;
/// Contracts 2.4: a window may be 300 ms late (its counts then stand in a later row).
constexpr std::uint32_t kMostSilent = 3;
constexpr std::int64_t kStall = 20'000;
constexpr std::int64_t kLeastBaseline = 5 * kSecond;
constexpr std::int64_t kExtra = 30 * kSecond;
constexpr std::uint32_t kBlock = 10; ///< windows of 1 s that a quality is read over
constexpr std::size_t kMostFaults = 64, kMostStalls = 64, kMostPending = 256, kMostRows = 64;

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

double zeroIfGap(double value)
{
    return std::isnan(value) ? 0 : value;
}

std::shared_ptr<const JudgeConfig> readConfig(const std::string &json)
{
    auto drill = fromCanonicalJson(json);
    if (!drill)
        return nullptr;
    auto config = std::make_shared<JudgeConfig>();
    config->drill = std::move(*drill);
    for (const auto &indicator : config->drill.steadyState)
        config->gauges.emplace_back(indicator);
    config->steadyCount = config->gauges.size();
    for (const auto &indicator : config->drill.verdict.series)
        config->gauges.emplace_back(indicator);
    for (std::size_t i = 0; i < config->gauges.size(); ++i) {
        const auto &gauge = config->gauges[i];
        if (i < config->steadyCount && gauge.kind() == Gauge::Kind::Quality)
            config->readsQuality = true;
        if (gauge.kind() != Gauge::Kind::Latency)
            continue;
        const double limit = gauge.indicator().rule.value * 0.1;
        config->lagLimit = std::min(config->lagLimit.value_or(limit), limit);
    }
    return config;
}

} // namespace

double RowView::value(std::string_view series) const
{
    for (std::size_t i = 0; i < names.size() && i < values.size(); ++i)
        if (names[i] == series)
            return values[i];
    return kNoReading;
}

void Judge::State::configure()
{
    config = readConfig(drillJson);
    if (!config)
        return;
    const auto &gauges = config->gauges;
    limits.clear();
    for (const auto &gauge : gauges)
        limits.push_back(gauge.indicator().rule.ofBaseline ? kNoReading
                                                           : gauge.indicator().rule.value);
    baseline = judged = block = emptyTally();
    worstGauge.assign(gauges.size(), Worst{0, -1});
    newest.assign(gauges.size(), kNoReading);
    // A drill that breaks nothing is judged from the end of the shortest baseline.
    if (config->drill.method.empty())
        beginJudging(config->drill.load.warmUp.count() + kLeastBaseline);
}

std::int64_t Judge::State::latest() const
{
    const std::int64_t last = config->drill.load.length.count() + kExtra;
    return loadEnd ? std::min(*loadEnd, last) : last;
}

Tally Judge::State::emptyTally() const
{
    Tally tally;
    tally.counts.assign(config->gauges.size(), 0);
    tally.levels.assign(config->gauges.size(), kNoReading);
    return tally;
}

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

bool Judge::State::isStalled(std::int64_t from, std::int64_t to) const
{
    return std::any_of(stalls.begin(), stalls.end(),
                       [&](const Span &stall) { return stall.from < to && stall.to > from; });
}

std::uint32_t Judge::State::outsideOf(const Tally &tally) const
{
    std::uint32_t bits = 0;
    std::uint32_t failedBits = 0, answerBits = 0;
    for (std::size_t i = 0; i < config->steadyCount; ++i) {
        const auto &gauge = config->gauges[i];
        const std::uint32_t bit = 1u << i;
        if (gauge.indicator().series == series::kFailed)
            failedBits |= bit;
        if (gauge.isOfAnswers())
            answerBits |= bit;
        if (gauge.kind() != Gauge::Kind::Quality && gauge.isOutside(tally, i, limits[i]))
            bits |= bit;
    }
    // No answers while requests are due = failed.
    if (tally.requests > 0 && tally.answered <= 0)
        bits |= failedBits != 0 ? failedBits : answerBits;
    return bits;
}

void Judge::State::apply(const RowView &row)
{
    if (!started || ended || !config || row.t <= lastRow || row.t > latest())
        return;
    RowCounts counts;
    counts.t = row.t;
    counts.requests = row.value(series::kRequests);
    counts.answered = row.value(series::kAnswered);
    const bool silent = std::isnan(counts.requests) || std::isnan(counts.answered);
    silentRows = silent ? silentRows + 1 : 0;
    counts.gap = silentRows > kMostSilent;
    counts.requests = zeroIfGap(counts.requests);
    counts.answered = zeroIfGap(counts.answered);
    counts.failed = zeroIfGap(row.value(series::kFailed));
    counts.late = zeroIfGap(row.value(series::kLate));
    counts.earned = zeroIfGap(row.value(series::kEarned));
    counts.expected = zeroIfGap(row.value(series::kExpected));
    counts.primary = zeroIfGap(row.value(series::kPathPrimary));
    counts.lag = row.value(series::kTrafficLag);
    counts.stalled = row.value(series::kHostStall) * 1000 > static_cast<double>(kStall);
    for (const auto &gauge : config->gauges) {
        double count = 0, level = kNoReading;
        gauge.read(row, count, level);
        counts.counts.push_back(count);
        counts.levels.push_back(level);
    }
    lastRow = row.t;
    if (rows.size() == kMostRows) // rows more often than every 100 ms: not ours
        rows.erase(rows.begin());
    rows.push_back(std::move(counts));
    closeWindows();
}

void Judge::State::closeWindows()
{
    for (;;) {
        if (judgedFrom && cursor < *judgedFrom && cursor + kSecond > *judgedFrom)
            cursor = *judgedFrom; // the rest of a second before the inject is no window
        std::erase_if(rows, [this](const RowCounts &row) { return row.t <= cursor; });
        const std::int64_t end = cursor + kSecond;
        if (end > latest())
            return;
        const bool isBaseline = !judgedFrom || end <= *judgedFrom;
        const std::int64_t grace = ended || (isBaseline && judgedFrom) ? 0
                                   : isBaseline                        ? kBaselineGrace
                                                                       : kGrace;
        if (lastRow < end + grace)
            return;
        const auto split = std::find_if(rows.begin(), rows.end(),
                                        [end](const RowCounts &row) { return row.t > end; });
        const std::span in(rows.data(), static_cast<std::size_t>(split - rows.begin()));
        Tally tally = emptyTally();
        bool gap = in.size() + kMostSilent < static_cast<std::size_t>(kSecond / kRow);
        bool stalled = isStalled(cursor, end);
        for (const auto &row : in) {
            add(tally, row, config->gauges);
            gap = gap || row.gap;
            stalled = stalled || row.stalled;
        }
        const bool isMasked = stalled && cpuFaults == 0;
        if (!isBaseline)
            closeJudgedWindow(in, tally, gap, isMasked);
        else if (cursor >= config->drill.load.warmUp.count())
            closeBaselineWindow(tally, gap, isMasked);
        cursor = end;
        std::erase_if(stalls, [this](const Span &stall) { return stall.to <= cursor; });
    }
}

void Judge::State::closeBaselineWindow(const Tally &tally, bool gap, bool isMasked)
{
    if (gap)
        return;
    for (const auto &row : rows)
        if (row.t <= cursor + kSecond)
            add(baseline, row, config->gauges);
    ++baselineWindows;
    JudgedWindow window{cursor, outsideOf(tally), isMasked, tally.requests > 0, 0, 0};
    const auto &before = baselinePrevious;
    if (!baselineOutside && window.outside != 0 && before.outside != 0 && !before.masked
        && before.start + kSecond == window.start)
        baselineOutside = Episode{before.start, cursor + kSecond, before.outside | window.outside};
    baselinePrevious = window;
    outsideNow = isMasked ? window.outside & outsideNow : window.outside;
    for (std::size_t i = 0; i < config->gauges.size(); ++i) {
        const auto &gauge = config->gauges[i];
        newest[i] =
            gauge.kind() == Gauge::Kind::Latency ? tally.levels[i] : gauge.reading(tally, i);
        if (gauge.indicator().rule.ofBaseline)
            limits[i] = gauge.indicator().rule.value * gauge.reading(baseline, i);
    }
}

void Judge::State::closeJudgedWindow(std::span<const RowCounts> in, const Tally &tally, bool gap,
                                     bool isMasked)
{
    const std::int64_t length = config->drill.load.length.count();
    const std::int64_t end = cursor + kSecond;
    const bool inSpan = cursor < length;
    JudgedWindow window{cursor,       0,
                        isMasked,     tally.requests > 0 || tally.answered > 0,
                        tally.earned, tally.expected};
    if (inSpan) {
        ++windows;
        masked += isMasked ? 1 : 0;
        if (gap) {
            ++gaps;
            firstGap = firstGap.value_or(cursor);
        }
    }
    // What nobody measured is neither inside nor outside; the gap itself voids the run.
    if (!gap)
        window.outside = outsideOf(tally);
    outsideNow = isMasked ? window.outside & outsideNow : window.outside;
    for (std::size_t i = 0; i < config->gauges.size(); ++i) {
        const auto &gauge = config->gauges[i];
        const double value = gauge.reading(tally, i);
        if (gauge.kind() != Gauge::Kind::Quality)
            newest[i] = gauge.kind() == Gauge::Kind::Latency ? tally.levels[i] : value;
        if (inSpan && !std::isnan(value)
            && (worstGauge[i].at < 0
                || (gauge.kind() == Gauge::Kind::Latency
                        ? value > worstGauge[i].value
                        : gauge.worse(worstGauge[i].value, value) != worstGauge[i].value)))
            worstGauge[i] = Worst{value, cursor};
    }
    const auto isResponseHere = [&](std::int64_t at) { return at < end; };
    // A stall may also make the gateway respond just after it.
    if (isMasked || previousMasked)
        responsesMasked += static_cast<std::uint64_t>(
            std::count_if(pendingResponses.begin(), pendingResponses.end(), isResponseHere));
    std::erase_if(pendingResponses, isResponseHere);
    previousMasked = isMasked;

    for (const auto &row : in) {
        if (row.t > length)
            break;
        add(judged, row, config->gauges);
        if (isMasked || row.requests <= 0 || std::isnan(row.lag) || !config->lagLimit)
            continue;
        lagOf += row.requests;
        // Of a row only its own p99 is known: 1 % of its requests, one at least, lagged that far.
        if (row.lag > *config->lagLimit)
            lagSure += std::max(1.0, row.requests * 0.01);
    }
    if (inSpan && tally.answered > 0) {
        const double bad = (tally.failed + tally.late) / tally.answered;
        if (!worstBudget || bad > worstBudget->value)
            worstBudget = Worst{bad, cursor};
        qualityEE += tally.earned * tally.earned;
        qualityEX += tally.earned * tally.expected;
        qualityXX += tally.expected * tally.expected;
        ++qualityN;
    }
    const auto &load = config->drill.load;
    const double planned = load.rate * static_cast<double>(length - *judgedFrom) / 1e6;
    const auto &budget = config->drill.verdict.budget;
    if (budget && !budgetBroke && judged.failed + judged.late > budget->value * planned)
        budgetBroke = cursor;

    if (blockWindows == 0)
        blockStart = cursor;
    ++blockWindows;
    for (const auto &row : in)
        add(block, row, config->gauges);
    if (config->readsQuality)
        tail.push_back(window);
    else
        excursions.feed(window, config->drill.verdict.hold.count());
    if (blockWindows == kBlock)
        closeBlock();
}

void Judge::State::closeBlock()
{
    const bool inSpan = blockStart + kBlock * kSecond <= config->drill.load.length.count();
    if (block.expected > 0 && inSpan) {
        const double ratio = block.earned / block.expected;
        if (!worstQuality || ratio < worstQuality->value)
            worstQuality = Worst{ratio, blockStart};
    }
    qualityNow = 0;
    for (std::size_t i = 0; i < config->steadyCount; ++i) {
        const auto &gauge = config->gauges[i];
        if (gauge.kind() != Gauge::Kind::Quality)
            continue;
        newest[i] = gauge.reading(block, i);
        if (!gauge.isOutside(block, i, limits[i]))
            continue;
        qualityNow |= 1u << i;
        // The block of 10 s decides; where in it the loss lies, its seconds tell: from the first
        // to the last that is below by itself.
        Rule rule = gauge.indicator().rule;
        rule.value = limits[i];
        const auto isBelow = [&](const JudgedWindow &window) {
            return window.expected > 0 && !rule.holds(window.earned / window.expected);
        };
        const auto first = std::find_if(tail.begin(), tail.end(), isBelow);
        const auto last = std::find_if(tail.rbegin(), tail.rend(), isBelow).base();
        for (auto it = first; it < last; ++it)
            it->outside |= 1u << i;
    }
    for (const auto &window : tail)
        excursions.feed(window, config->drill.verdict.hold.count());
    tail.clear();
    block = emptyTally();
    blockWindows = 0;
}

Excursions Judge::State::excursionsToDate() const
{
    auto result = excursions;
    for (const auto &window : tail)
        result.feed(window, config->drill.verdict.hold.count());
    return result;
}

std::string Judge::State::indicatorNames(std::uint32_t bits) const
{
    std::string names;
    for (std::size_t i = 0; config && i < config->steadyCount; ++i)
        if (bits & (1u << i))
            names += (names.empty() ? "" : ", ") + config->gauges[i].indicator().name;
    return names;
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
    const auto since = [this](std::int64_t at) { return at - start; };
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
        if (stall->to - stall->from <= kStall || since(stall->to) <= cursor)
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

Judge::Judge() : m_state(std::make_unique<State>()) {}
Judge::~Judge() = default;
Judge::Judge(const Judge &other)
    : m_state(std::make_unique<State>(other.m_state ? *other.m_state : State{}))
{
}
Judge &Judge::operator=(const Judge &other)
{
    if (this != &other)
        m_state = std::make_unique<State>(other.m_state ? *other.m_state : State{});
    return *this;
}
Judge::Judge(Judge &&) noexcept = default;
Judge &Judge::operator=(Judge &&) noexcept = default;

void Judge::apply(const Event &event)
{
    m_state->apply(event);
}

void Judge::apply(const RowView &row)
{
    m_state->apply(row);
}

Verdict Judge::verdict() const
{
    return m_state->verdict();
}

std::vector<std::string> Judge::outside() const
{
    std::vector<std::string> names;
    const auto bits = m_state->outsideNow | m_state->qualityNow;
    for (std::size_t i = 0; m_state->config && i < m_state->config->steadyCount; ++i)
        if (bits & (1u << i))
            names.push_back(m_state->config->gauges[i].indicator().name);
    return names;
}

double Judge::reading(std::string_view indicator) const
{
    const auto &config = m_state->config;
    for (std::size_t i = 0; config && i < config->steadyCount; ++i)
        if (config->gauges[i].indicator().name == indicator)
            return m_state->newest[i];
    return kNoReading;
}

bool Judge::settled() const
{
    const auto &config = m_state->config;
    if (!config || !m_state->judgedFrom)
        return false;
    const auto seen = m_state->excursionsToDate();
    const auto &drill = config->drill;
    return seen.observedTo() + kSecond > drill.load.length.count() && !seen.open()
           && !seen.isPending()
           && seen.observedTo() - *m_state->judgedFrom >= drill.verdict.hold.count();
}

void Judge::fields(Writer &archive)
{
    m_state->fields(archive);
}

void Judge::fields(Reader &archive)
{
    m_state->fields(archive);
    m_state->config.reset();
    if (!m_state->started || !archive.ok())
        return;
    m_state->config = readConfig(m_state->drillJson);
    // Hostile bytes: lists that do not fit the drill would be read past their ends.
    if (!m_state->config)
        return;
    const auto size = m_state->config->gauges.size();
    const auto fits = [size](const auto &list) { return list.size() == size; };
    bool ok = m_state->cursor >= 0 && m_state->cursor <= m_state->latest() + kSecond;
    for (const auto *tally : {&m_state->baseline, &m_state->judged, &m_state->block})
        ok = ok && fits(tally->counts) && fits(tally->levels);
    ok = ok && fits(m_state->limits) && fits(m_state->worstGauge) && fits(m_state->newest);
    for (const auto &row : m_state->rows)
        ok = ok && fits(row.counts) && fits(row.levels);
    if (!ok)
        *m_state = State{};
}

} // namespace engine
