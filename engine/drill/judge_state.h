#pragma once
// What the judge remembers of a run: bounded whatever the run's length. Internal to the judge.

#include "engine/drill/data_loss.h"
#include "engine/drill/excursions.h"
#include "engine/drill/gauge.h"

#include <algorithm>
#include <cmath>

namespace engine {

/// A step of the method as the agent reported it, us since t = 0.
struct FaultTrack
{
    std::string step, fault, target, detail;
    std::optional<std::int64_t> applied, confirmed, undoing, undone;
    bool unconfirmed = false, undoFailed = false, refused = false;
    template <class A>
    void fields(A &a)
    {
        a(step);
        a(fault);
        a(target);
        a(detail);
        a(applied);
        a(confirmed);
        a(undoing);
        a(undone);
        a(unconfirmed);
        a(undoFailed);
        a(refused);
    }
};

struct Span
{
    std::int64_t from = 0, to = 0;
    template <class A>
    void fields(A &a)
    {
        a(from);
        a(to);
    }
};

/// A reading that was the worst of its kind, and when its window began.
struct Worst
{
    double value = 0;
    std::int64_t at = 0;
    template <class A>
    void fields(A &a)
    {
        a(value);
        a(at);
    }
};

/// Read from the drill in RunStarted, never changed: shared between copies.
struct JudgeConfig
{
    Drill drill;
    std::vector<Gauge> gauges;      ///< the steady state's, then the verdict's series
    std::size_t steadyCount = 0;    ///< how many of them are the steady state's
    bool readsQuality = false;      ///< one of the steady state's is a quality
    std::optional<double> lagLimit; ///< ms: 10 % of the tightest latency limit
};

struct Judge::State
{
    // Of RunStarted
    std::string drillJson;
    std::int64_t start = 0;
    bool started = false, synthetic = false;
    std::vector<std::string> switchedOff;
    std::shared_ptr<const JudgeConfig> config; ///< null: no drill, or one that cannot be read

    // Marks and events
    std::map<std::uint32_t, FaultTrack> faults;
    std::optional<std::int64_t> inject, detect, acknowledge, mitigate;
    std::uint64_t alarms = 0, responses = 0, responsesMasked = 0;
    std::optional<std::int64_t> alarmBroke, responseBroke; ///< when the count went over its limit
    std::string alarmBehind, responseBehind;
    std::vector<std::int64_t> earlyResponses;   ///< before the inject is known, at most 64
    std::vector<std::int64_t> pendingResponses; ///< not yet in a closed window, at most 256
    std::string guard;
    bool halted = false;
    std::optional<std::int64_t> loadEnd, ended;
    std::uint32_t endReason = 0;
    std::string endDetail;
    std::vector<Span> stalls; ///< newer than the oldest open window, at most 64
    std::uint32_t cpuFaults = 0;

    // Windows
    std::vector<RowCounts> rows;  ///< not yet in a closed window
    std::int64_t lastRow = 0;     ///< end of the newest row
    std::uint32_t silentRows = 0; ///< in a row without anything from traffic
    std::int64_t cursor = 0;      ///< start of the next window
    std::optional<std::int64_t> judgedFrom;
    Tally baseline;
    std::uint32_t baselineWindows = 0;
    JudgedWindow baselinePrevious;
    std::optional<Episode> baselineOutside;
    std::vector<double> limits; ///< per gauge, `of baseline` resolved; NaN until it is
    Tally judged, block;
    std::int64_t blockStart = 0;
    std::uint32_t blockWindows = 0;
    std::vector<JudgedWindow> tail; ///< of the open block of 10 s, when quality is read
    Excursions excursions;
    std::uint32_t windows = 0, masked = 0, gaps = 0;
    std::optional<std::int64_t> firstGap;
    bool previousMasked = false;
    double lagSure = 0, lagOf = 0; ///< requests that surely lagged too far, of how many
    std::optional<Worst> worstBudget, worstQuality;
    std::vector<Worst> worstGauge; ///< per gauge, over 1 s windows; at < 0: none yet
    std::optional<std::int64_t> budgetBroke;
    // For the interval of a ratio: sums of squares over 1 s windows.
    double qualityEE = 0, qualityEX = 0, qualityXX = 0;
    std::uint32_t qualityN = 0;
    std::uint32_t outsideNow = 0, qualityNow = 0;
    std::vector<double> newest; ///< per gauge, the newest reading
    DataLoss dataLoss;

    void configure();
    void apply(const Event &event);
    void apply(const RowView &row);
    [[nodiscard]] Tally emptyTally() const;
    /// End of the last row that counts: load stopped, or its time is over.
    [[nodiscard]] std::int64_t latest() const;
    void finish();
    void closeWindows();
    void closeBaselineWindow(const Tally &tally, bool gap, bool isMasked);
    void closeJudgedWindow(std::span<const RowCounts> in, const Tally &tally, bool gap,
                           bool isMasked);
    void closeBlock();
    void beginJudging(std::int64_t at);
    void countResponse(std::int64_t at);
    [[nodiscard]] std::uint32_t outsideOf(const Tally &tally) const;
    [[nodiscard]] bool isStalled(std::int64_t from, std::int64_t to) const;
    [[nodiscard]] Excursions excursionsToDate() const;
    [[nodiscard]] std::string indicatorNames(std::uint32_t bits) const;
    [[nodiscard]] Verdict verdict() const;

    template <class A>
    void fields(A &a)
    {
        a(drillJson);
        a(start);
        a(started);
        a(synthetic);
        a(switchedOff);
        a(faults);
        a(inject);
        a(detect);
        a(acknowledge);
        a(mitigate);
        a(alarms);
        a(responses);
        a(responsesMasked);
        a(alarmBroke);
        a(responseBroke);
        a(alarmBehind);
        a(responseBehind);
        a(earlyResponses);
        a(pendingResponses);
        a(guard);
        a(halted);
        a(loadEnd);
        a(ended);
        a(endReason);
        a(endDetail);
        a(stalls);
        a(cpuFaults);
        a(rows);
        a(lastRow);
        a(silentRows);
        a(cursor);
        a(judgedFrom);
        a(baseline);
        a(baselineWindows);
        a(baselinePrevious);
        a(baselineOutside);
        a(limits);
        a(judged);
        a(block);
        a(blockStart);
        a(blockWindows);
        a(tail);
        a(excursions);
        a(windows);
        a(masked);
        a(gaps);
        a(firstGap);
        a(previousMasked);
        a(lagSure);
        a(lagOf);
        a(worstBudget);
        a(worstQuality);
        a(worstGauge);
        a(budgetBroke);
        a(qualityEE);
        a(qualityEX);
        a(qualityXX);
        a(qualityN);
        a(outsideNow);
        a(qualityNow);
        a(newest);
        a(dataLoss);
    }
};

} // namespace engine
