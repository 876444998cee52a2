#pragma once
// A run made of generated rows, for tests of the judge: healthy at 200 requests/s unless told.

#include "engine/drill/drill.h"
#include "engine/drill/judge.h"
#include "engine/metrics/window.h"

#include <functional>
#include <limits>

namespace testing_support {

inline constexpr std::int64_t kSec = 1'000'000;

/// The counts of one 100 ms row, to be changed by a test.
struct Row
{
    std::int64_t t = 0; ///< end of the row
    double requests = 20, answered = 20, failed = 0, late = 0, slow = 0, earned = 8, expected = 8,
           primary = 20, lag = 0.5, stall = 0;
    bool gap = false;     ///< traffic said nothing
    bool missing = false; ///< no row at all
};

inline engine::Rule rule(engine::Compare compare, double value,
                         engine::Unit unit = engine::Unit::None)
{
    return {compare, value, unit, false};
}

/// p99 <= 60 ms, failed <= 0.1 %, quality >= 0.95; kill of replica/2 at 20 s; rto <= 10 s, budget
/// <= 0.5 %, quality >= 0.99; length 60 s, hold 15 s.
inline engine::Drill crashDrill()
{
    using namespace engine;
    Drill drill;
    drill.title = "A ranker crashes";
    drill.steadyState = {
        {"latency", "gateway.latency.p99", rule(Compare::LessEqual, 60, Unit::Millis), {}},
        {"failed", "gateway.failed", rule(Compare::LessEqual, 0.001, Unit::Share), {}},
        {"quality", "gateway.quality", rule(Compare::GreaterEqual, 0.95), {}}};
    FaultStep step;
    step.name = "crash ranker 2";
    step.fault = "process.kill";
    step.target = "replica/2";
    step.at = Micros{20 * kSec};
    drill.method = {step};
    drill.verdict.rto = rule(Compare::LessEqual, 10, Unit::Seconds);
    drill.verdict.budget = rule(Compare::LessEqual, 0.005, Unit::Share);
    drill.verdict.quality = rule(Compare::GreaterEqual, 0.99);
    return drill;
}

inline engine::Drill noOpDrill()
{
    auto drill = crashDrill();
    drill.title = "Nothing happens";
    drill.method.clear();
    drill.verdict.rto.reset();
    drill.verdict.alarms = rule(engine::Compare::LessEqual, 0);
    drill.verdict.responses = rule(engine::Compare::LessEqual, 0);
    return drill;
}

class JudgedRun
{
public:
    explicit JudgedRun(engine::Drill drill) : m_drill(std::move(drill)) {}

    engine::Judge judge;
    std::function<void(Row &)> shape = [](Row &) {};
    std::int64_t applyAt = 20 * kSec;
    std::int64_t confirmAfter = 50'000;
    std::int64_t undoneAt = 24 * kSec;
    std::int64_t endOfLoad = 60 * kSec;
    bool applied = true, confirmed = true, undone = true, synthetic = true;
    engine::EndReason reason = engine::EndReason::Completed;
    /// Further events by their time since t = 0; a payload's own `at` is absolute: start() + t.
    std::vector<std::pair<std::int64_t, engine::Payload>> events;
    /// Called after every row, to look at the judge on its way.
    std::function<void(std::int64_t)> afterRow = [](std::int64_t) {};

    [[nodiscard]] static std::int64_t start() { return 5'000'000'000; }

    engine::Verdict play()
    {
        using namespace engine;
        RunStarted begun;
        begun.runId = "r1";
        begun.drill = toCanonicalJson(m_drill);
        begun.start = start();
        begun.synthetic = synthetic;
        apply(0, begun);
        auto all = events;
        if (applied && !m_drill.method.empty()) {
            all.emplace_back(applyAt, fault(FaultState::Applied, applyAt));
            if (confirmed)
                all.emplace_back(applyAt + confirmAfter,
                                 fault(FaultState::Confirmed, applyAt + confirmAfter));
            if (undone)
                all.emplace_back(undoneAt, fault(FaultState::Undone, undoneAt));
        }
        all.emplace_back(endOfLoad, PhaseChanged{Phase::Finished, start() + endOfLoad});
        std::stable_sort(all.begin(), all.end(),
                         [](const auto &a, const auto &b) { return a.first < b.first; });
        std::size_t next = 0;
        for (std::int64_t t = 100'000; t <= endOfLoad + kSec; t += 100'000) {
            for (; next < all.size() && all[next].first <= t; ++next)
                apply(all[next].first, all[next].second);
            Row row;
            row.t = t;
            if (t > endOfLoad)
                row.requests = row.answered = row.earned = row.expected = row.primary = 0;
            else
                shape(row);
            if (!row.missing)
                feed(row);
            afterRow(t);
        }
        for (; next < all.size(); ++next)
            apply(all[next].first, all[next].second);
        apply(endOfLoad + 2 * kSec, RunEnded{reason, "", start() + endOfLoad + 2 * kSec});
        return judge.verdict();
    }

    static engine::FaultChanged fault(engine::FaultState state, std::int64_t t)
    {
        engine::FaultChanged change;
        change.id = 1;
        change.step = "crash ranker 2";
        change.fault = "process.kill";
        change.target = "replica/2";
        change.state = state;
        change.at = start() + t;
        return change;
    }

    void feed(const Row &row)
    {
        using namespace engine;
        const float nan = std::numeric_limits<float>::quiet_NaN();
        const auto value = [&](double v) { return row.gap ? nan : static_cast<float>(v); };
        static const std::vector<std::string> names{
            "gateway.requests", "gateway.answered",     "gateway.failed",   "gateway.late",
            "gateway.slow.60",  "gateway.earned",       "gateway.expected", "gateway.latency.p99",
            "traffic.lag.p99",  "gateway.path.primary", "host.stall.max"};
        const std::vector<float> values{value(row.requests),
                                        value(row.answered),
                                        value(row.failed),
                                        value(row.late),
                                        value(row.slow),
                                        value(row.earned),
                                        value(row.expected),
                                        value(20),
                                        value(row.lag),
                                        value(row.primary),
                                        static_cast<float>(row.stall)};
        judge.apply(RowView{row.t, names, values});
    }

    void apply(std::int64_t t, engine::Payload payload)
    {
        judge.apply(engine::Event{++m_seq, t, std::move(payload)});
    }

private:
    engine::Drill m_drill;
    std::uint64_t m_seq = 0;
};

/// Whether the row lies in [from, to) seconds since t = 0.
inline bool within(const Row &row, double from, double to)
{
    const auto begin = static_cast<double>(row.t - 100'000) / 1e6;
    return begin >= from - 1e-9 && begin < to - 1e-9;
}

} // namespace testing_support
