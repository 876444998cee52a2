#pragma once
// A timeline over a scripted run, for tests of pages: folds its events and rows with the real
// RunState. Tests only, never shipped.

#include "engine/base/clock.h"
#include "engine/drill/drill.h"
#include "engine/event/timeline.h"
#include "engine/metrics/window.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace testing_support {

/// Rows and events of one run, t in us since t = 0.
struct ScriptedRun
{
    std::vector<engine::Event> events;
    std::vector<std::string> names;
    std::vector<std::vector<float>> rows; ///< row i ends at (i + 1) * 100 ms
    std::int64_t start = 1'000'000'000;

    void add(std::int64_t t, engine::Payload payload)
    {
        events.push_back({events.size() + 1, t, std::move(payload)});
    }
};

inline engine::Drill scriptedDrill(double rate = 820)
{
    using namespace engine;
    Drill drill;
    drill.title = "A ranker crashes at peak";
    drill.load.rate = rate;
    drill.load.warmUp = Micros{5'000'000};
    drill.load.length = Micros{45'000'000};
    const auto indicator = [](const char *name, std::string_view series, Compare compare,
                              double value, Unit unit) {
        return Indicator{name, std::string(series), {compare, value, unit, false}, {}};
    };
    drill.steadyState = {
        indicator("latency", series::kP99, Compare::LessEqual, 60, Unit::Millis),
        indicator("failed", series::kFailed, Compare::LessEqual, 0.001, Unit::Share),
        indicator("quality", series::kQuality, Compare::GreaterEqual, 0.95, Unit::None)};
    FaultStep step;
    step.name = "crash ranker 2";
    step.fault = "process.freeze";
    step.target = "replica/2";
    step.at = Micros{20'000'000};
    step.duration = Micros{10'000'000};
    drill.method = {step};
    Guard guard;
    guard.series = series::kFailed;
    guard.rule = {Compare::Greater, 0.2, Unit::Share, false};
    guard.forTime = Micros{5'000'000};
    guard.text = "gateway.failed > 20 % for 5s";
    drill.guards = {guard};
    drill.verdict.rto = Rule{Compare::LessEqual, 10, Unit::Seconds, false};
    drill.verdict.budget = Rule{Compare::LessEqual, 0.05, Unit::Share, false};
    drill.verdict.quality = Rule{Compare::GreaterEqual, 0.9, Unit::None, false};
    drill.verdict.hold = Micros{5'000'000};
    return drill;
}

/// How hard the fault hits at t: 0 calm, 1 at its worst.
inline double scriptedPain(double t)
{
    if (t < 20.2 || t > 30)
        return 0;
    return t < 20.8 ? (t - 20.2) / 0.6 : std::max(0.12, std::exp(-(t - 21.5) / 1.5));
}

/// Freeze of replica/2 at 20 s, undone at 30 s; `seconds` of rows; ended when it reaches 45 s.
inline ScriptedRun crashRun(double seconds = 45)
{
    using namespace engine;
    ScriptedRun run;
    const auto drill = scriptedDrill();
    const auto at = [&](double t) { return run.start + static_cast<std::int64_t>(t * 1e6); };
    const auto us = [](double t) { return static_cast<std::int64_t>(t * 1e6); };
    const auto reached = [&](double t) { return t <= seconds; };

    RunStarted started;
    started.runId = "0147";
    started.drill = toCanonicalJson(drill);
    started.shop = "demo";
    started.application = "recommend";
    started.seed = 7;
    started.synthetic = true;
    started.wall = 1'795'356'887'000'000;
    started.start = run.start;
    run.add(0, started);
    run.add(0, PhaseChanged{Phase::WarmUp, at(0)});
    const auto process = [&](double t, const char *target, const char *role, ProcessState state,
                             std::uint32_t restarts = 0) {
        ProcessChanged change;
        change.target = target;
        change.role = role;
        change.state = state;
        change.restarts = restarts;
        change.pid = 4000;
        if (std::string_view(role) == "replica") {
            change.model = "ranker";
            change.version = "12.3";
        }
        change.at = at(t);
        run.add(us(t), change);
    };
    for (const char *target : {"replica/1", "replica/2", "replica/3"})
        process(0, target, "replica", ProcessState::Serving);
    process(0, "gateway", "gateway", ProcessState::Serving);
    process(0, "store", "store", ProcessState::Serving);
    process(0, "traffic", "traffic", ProcessState::Serving);
    if (reached(5))
        run.add(us(5), PhaseChanged{Phase::Steady, at(5)});
    FaultChanged fault;
    fault.id = 1;
    fault.step = "crash ranker 2";
    fault.fault = "process.freeze";
    fault.target = "replica/2";
    fault.deadline = at(30);
    const auto faultIs = [&](double t, FaultState state) {
        fault.state = state;
        fault.at = at(t);
        run.add(us(t), fault);
    };
    if (reached(20)) {
        run.add(us(20), PhaseChanged{Phase::Fault, at(20)});
        faultIs(20, FaultState::Intended);
        faultIs(20, FaultState::Applied);
    }
    if (reached(20.8))
        faultIs(20.8, FaultState::Confirmed);
    if (reached(20.9))
        run.add(us(20.9), ResponseChanged{"ejection", "replica/2", "gateway", "", true, at(20.9)});
    if (reached(20.9))
        process(20.9, "replica/2", "replica", ProcessState::Frozen);
    if (reached(21.1))
        run.add(us(21.1), AlertChanged{"latency", "<= 60 ms", true, 212, at(21.1)});
    if (reached(21.7))
        run.add(us(21.7), ResponseChanged{"fallback", "popularity", "gateway", "", true, at(21.7)});
    if (reached(23.4))
        run.add(us(23.4), OperatorActed{Act::Acknowledge, "ana", "", "", at(23.4)});
    if (reached(24.1))
        run.add(us(24.1), OperatorActed{Act::Note, "ana", "p99 falls as soon as it is ejected.", "",
                                        at(24.1)});
    if (reached(30)) {
        faultIs(30, FaultState::Undoing);
        faultIs(30.2, FaultState::Undone);
        run.add(us(30.2), PhaseChanged{Phase::Recovery, at(30.2)});
        process(30.2, "replica/2", "replica", ProcessState::Serving);
        run.add(us(30.9), ResponseChanged{"ejection", "replica/2", "gateway", "", false, at(30.9)});
        run.add(us(31), ResponseChanged{"fallback", "popularity", "gateway", "", false, at(31)});
        run.add(us(31), AlertChanged{"latency", "<= 60 ms", false, 41, at(31)});
        run.add(us(31.5), PhaseChanged{Phase::Holding, at(31.5)});
    }
    using namespace series;
    for (const auto name :
         {kRequests, kAnswered, kFailed, kLate, kEarned, kExpected, kQuality, kP50, kP95, kP99,
          kPathPrimary, kPathStandby, kPathPopularity, kPathCached, kTrafficLag, kHostStall})
        run.names.emplace_back(name);
    run.names.push_back(slowSeries(60));
    for (const char *target : {"replica/1", "replica/2", "replica/3"}) {
        run.names.push_back(std::string(target) + ".requests");
        run.names.push_back(std::string(target) + ".latency.p99");
    }
    const auto rows = static_cast<int>(std::min(seconds, 45.0) * 10 + 0.5);
    for (int i = 0; i < rows; ++i) {
        const double t = (i + 1) / 10.0;
        const double pain = scriptedPain(t);
        const double wave = std::sin(i * 0.7) + 0.6 * std::sin(i * 2.3 + 1);
        const double due = 82 + std::round(1.2 * wave);
        const double late = std::round(due * 0.14 * pain);
        const double failed = std::round(due * 0.05 * (t < 22 ? pain : 0));
        const double popularity = std::round(due * 0.20 * (pain > 0 ? std::max(pain, 0.4) : 0));
        const double expected = due * 0.4;
        const double earned = expected - failed * 0.4 - popularity * 0.16;
        const double p99 = 38 + 3 * wave + 230 * pain;
        const bool frozen = t > 20.9 && t < 30.9;
        std::vector<float> row;
        for (const double value :
             {due, due, failed, late, earned, expected, earned / expected,
              12 + 0.6 * wave + 9 * pain, 24 + 2 * wave + 80 * pain, p99, due - popularity - failed,
              0.0, popularity, 0.0, 0.4, 0.5, std::round(due * 0.3 * pain)})
            row.push_back(static_cast<float>(value));
        for (int replica = 1; replica <= 3; ++replica) {
            const bool out = frozen && replica == 2;
            row.push_back(out ? 0.0F : static_cast<float>((due - popularity) / (frozen ? 2 : 3)));
            row.push_back(out ? std::numeric_limits<float>::quiet_NaN()
                              : static_cast<float>(p99 * (1 + 0.04 * replica)));
        }
        run.rows.push_back(std::move(row));
    }
    if (reached(45)) {
        run.add(us(45), PhaseChanged{Phase::Finished, at(45)});
        run.add(us(45), RunEnded{EndReason::Completed, "", at(45)});
    }
    return run;
}

/// One thread: the caller's. Seeks fold at once, so tests need not wait.
class FakeTimeline final : public engine::Timeline
{
public:
    explicit FakeTimeline(ScriptedRun run, bool live) : m_run(std::move(run)), m_live(live)
    {
        m_events = std::make_shared<std::vector<engine::Event>>(m_run.events);
        m_whole = foldTo(end());
        pinToEnd();
    }

    [[nodiscard]] std::shared_ptr<const engine::TimelineSnapshot> snapshot() const override
    {
        return m_snapshot;
    }
    void pinToEnd() override
    {
        m_pinned = true;
        moveTo(end());
    }
    void seek(std::int64_t t) override
    {
        m_pinned = false;
        ++seeks;
        moveTo(std::clamp<std::int64_t>(t, 0, end()));
    }
    void show(std::int64_t from, std::int64_t to, int bins,
              std::vector<std::string> series) override
    {
        if (from == m_from && to == m_to && bins == m_bins && series == m_series)
            return;
        m_from = from;
        m_to = to;
        m_bins = bins;
        m_series = std::move(series);
        publish();
    }
    [[nodiscard]] std::string path() const override { return "/scripted/0147.drl"; }

    /// The run goes on: replaced by a longer one of the same script.
    void grow(ScriptedRun run)
    {
        m_run = std::move(run);
        m_events = std::make_shared<std::vector<engine::Event>>(m_run.events);
        m_whole = foldTo(end());
        moveTo(m_pinned ? end() : m_playhead);
    }
    [[nodiscard]] std::int64_t end() const
    {
        return static_cast<std::int64_t>(m_run.rows.size()) * 100'000;
    }
    /// What the reader has checked by now.
    void setVerifiedTo(std::int64_t t)
    {
        m_verifiedTo = t;
        publish();
    }
    void setProblem(std::string problem)
    {
        m_problem = std::move(problem);
        publish();
    }
    int seeks = 0;

private:
    [[nodiscard]] std::shared_ptr<const engine::RunState> foldTo(std::int64_t t) const
    {
        auto state = std::make_shared<engine::RunState>();
        std::size_t e = 0;
        for (std::size_t i = 0; i < m_run.rows.size(); ++i) {
            const auto rowT = static_cast<std::int64_t>(i + 1) * 100'000;
            while (e < m_run.events.size() && m_run.events[e].t <= std::min(rowT, t))
                state->apply(m_run.events[e++]);
            if (rowT > t)
                break;
            state->apply(engine::RowView{rowT, m_run.names, m_run.rows[i]});
        }
        while (e < m_run.events.size() && m_run.events[e].t <= t)
            state->apply(m_run.events[e++]);
        return state;
    }
    void moveTo(std::int64_t t)
    {
        m_playhead = t;
        m_state = t == end() ? m_whole : foldTo(t);
        publish();
    }
    [[nodiscard]] engine::SeriesBins bin(const std::string &name, std::int64_t from,
                                         std::int64_t width, std::size_t count) const
    {
        const float gap = std::numeric_limits<float>::quiet_NaN();
        engine::SeriesBins bins{name, std::vector<float>(count, gap),
                                std::vector<float>(count, gap), std::vector<float>(count, gap)};
        const auto column = std::find(m_run.names.begin(), m_run.names.end(), name);
        if (column == m_run.names.end())
            return bins;
        const auto at = static_cast<std::size_t>(column - m_run.names.begin());
        const bool percentile = name.find(".latency.") != std::string::npos;
        for (std::size_t b = 0; b < count; ++b) {
            double sum = 0;
            double n = 0;
            for (std::int64_t t = from + static_cast<std::int64_t>(b) * width;
                 t < from + static_cast<std::int64_t>(b + 1) * width; t += 100'000) {
                const auto row = t / 100'000;
                if (t < 0 || row >= static_cast<std::int64_t>(m_run.rows.size()))
                    continue;
                const float value = m_run.rows[static_cast<std::size_t>(row)][at];
                if (std::isnan(value))
                    continue;
                bins.min[b] = std::isnan(bins.min[b]) ? value : std::min(bins.min[b], value);
                bins.max[b] = std::isnan(bins.max[b]) ? value : std::max(bins.max[b], value);
                sum += double(value);
                n += 1;
            }
            if (n > 0)
                bins.mean[b] = percentile ? bins.max[b] : static_cast<float>(sum / n);
        }
        return bins;
    }
    void publish()
    {
        auto next = std::make_shared<engine::TimelineSnapshot>();
        next->state = m_state;
        next->playhead = m_playhead;
        next->end = end();
        next->live = m_live && m_pinned;
        next->closed = !m_live;
        next->events = m_events;
        std::int64_t width = 100'000;
        for (const std::int64_t wider : {1'000'000, 2'000'000, 5'000'000, 10'000'000})
            if ((m_to - m_from) / width > m_bins)
                width = wider;
        next->binWidth = width;
        next->from = m_from - ((m_from % width) + width) % width;
        const auto count = static_cast<std::size_t>(
            std::max<std::int64_t>(0, (m_to - next->from + width - 1) / width));
        next->to = next->from + static_cast<std::int64_t>(count) * width;
        for (const auto &name : m_series)
            next->series.push_back(bin(name, next->from, width, count));
        next->overview.push_back(bin(std::string(engine::series::kP99), 0, 200'000,
                                     static_cast<std::size_t>(end() / 200'000)));
        next->verifiedTo = m_verifiedTo;
        next->problem = m_problem;
        next->marks = m_live ? m_state->verdict().marks : m_whole->verdict().marks;
        m_snapshot = std::move(next);
    }

    ScriptedRun m_run;
    bool m_live, m_pinned = true;
    std::shared_ptr<const std::vector<engine::Event>> m_events;
    std::shared_ptr<const engine::RunState> m_whole, m_state;
    std::shared_ptr<const engine::TimelineSnapshot> m_snapshot;
    std::vector<std::string> m_series;
    std::string m_problem;
    std::int64_t m_verifiedTo = 0, m_playhead = 0, m_from = 0, m_to = 40'000'000;
    int m_bins = 180;
};

} // namespace testing_support
