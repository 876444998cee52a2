// What the judge takes from rows: 1 s windows, 10 s blocks, the baseline, sums.

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
constexpr std::int64_t kExtra = 30 * kSecond;
constexpr std::uint32_t kBlock = 10; ///< windows of 1 s that a quality is read over
constexpr std::size_t kMostRows = 64;

/// A count of one row; nothing else gets in from a damaged or hostile recording.
double counted(double value)
{
    return value >= 0 && value <= 1e9 ? value : 0;
}

} // namespace

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
    counts.requests = counted(counts.requests);
    counts.answered = counted(counts.answered);
    counts.failed = counted(row.value(series::kFailed));
    counts.late = counted(row.value(series::kLate));
    counts.earned = counted(row.value(series::kEarned));
    counts.expected = counted(row.value(series::kExpected));
    counts.primary = counted(row.value(series::kPathPrimary));
    counts.lag = row.value(series::kTrafficLag);
    counts.stalled = row.value(series::kHostStall) * 1000 > static_cast<double>(kStall);
    for (const auto &gauge : config->gauges) {
        double count = 0, level = kNoReading;
        gauge.read(row, count, level);
        counts.counts.push_back(count);
        counts.levels.push_back(level);
    }
    dataLoss.row(row.t, row.value(kTrafficAckedSeq), row.value(kStoreOpenedSeq));
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

} // namespace engine
