#pragma once
// A run made by hand for the recording tests: one crash, one restart, everything counted.

#include "engine/base/random.h"
#include "engine/drill/drill.h"
#include "engine/recording/recorder.h"
#include "engine/recording/writer.h"

#include <cmath>

namespace recording_run {

using namespace engine;

inline constexpr std::int64_t kStart = 5'000'000; ///< CLOCK_MONOTONIC of t = 0

inline Drill drill()
{
    Drill drill;
    drill.title = "A ranker crashes";
    drill.load.warmUp = Micros{5'000'000};
    drill.load.length = Micros{30'000'000};
    Indicator latency;
    latency.name = "latency";
    latency.series = "gateway.latency.p99";
    latency.rule = {Compare::LessEqual, 60, Unit::Millis, false};
    Indicator failed;
    failed.name = "failed";
    failed.series = "gateway.failed";
    failed.rule = {Compare::LessEqual, 0.001, Unit::Share, false};
    drill.steadyState = {latency, failed};
    FaultStep crash;
    crash.name = "crash ranker 2";
    crash.fault = "process.kill";
    crash.target = "replica/2";
    crash.at = Micros{12'000'000};
    drill.method = {crash};
    drill.verdict.rto = Rule{Compare::LessEqual, 10, Unit::Seconds, false};
    drill.verdict.budget = Rule{Compare::LessEqual, 0.02, Unit::Share, false};
    drill.verdict.hold = Micros{5'000'000};
    return drill;
}

inline RunStarted started()
{
    RunStarted run;
    run.runId = "test-run";
    run.drill = toCanonicalJson(drill());
    run.drillHash = hex(sha256(run.drill));
    run.shop = "tiny";
    run.application = "recommend";
    run.synthetic = true;
    run.seed = 3;
    run.start = kStart;
    run.wall = 1'700'000'000'000'000;
    return run;
}

/// Traffic's window number k (ends at (k + 1) * 100 ms): 20 requests, worse during the outage.
inline Window traffic(std::int64_t k, Random &random)
{
    const bool isOut = k >= 121 && k < 150;
    Window window;
    window.source = "traffic";
    window.end = kStart + (k + 1) * 100'000;
    Sketch sketch;
    double slow = 0;
    for (int i = 0; i < 20; ++i) {
        const double ms = (isOut && i % 3 == 0 ? 80.0 : 8.0) * std::exp(0.2 * random.normal());
        slow += ms > 60 ? 1 : 0;
        sketch.add(ms);
    }
    const double failed = isOut && k % 5 == 0 ? 4 : 0;
    window.samples = {{"gateway.requests", 20},
                      {"gateway.answered", 20},
                      {"gateway.failed", failed},
                      {"gateway.late", 0},
                      {"gateway.slow.60", slow},
                      {"gateway.earned", 10.0 - failed / 2},
                      {"gateway.expected", 10.0},
                      {"gateway.quality", 1.0 - failed / 20},
                      {"gateway.path.primary", 20 - failed}};
    window.sketches = {{"gateway.latency", sketch.encode()}};
    return window;
}

inline Window replica(int number, std::int64_t k)
{
    Window window;
    const auto target = "replica/" + std::to_string(number);
    window.source = target;
    window.end = kStart + (k + 1) * 100'000;
    window.samples = {{target + ".up", 1}, {target + ".requests", 7}};
    return window;
}

/// Events of the run with the window they happen in.
inline std::vector<std::pair<std::int64_t, Payload>> events()
{
    const auto at = [](std::int64_t k) { return kStart + k * 100'000 + 40'000; };
    const auto fault = [&](FaultState state, std::int64_t k) {
        return FaultChanged{1, "crash ranker 2", "process.kill", "replica/2", "", state, at(k), 0};
    };
    const auto process = [&](ProcessState state, std::int64_t k) {
        ProcessChanged p;
        p.target = "replica/2";
        p.role = "replica";
        p.state = state;
        p.at = at(k);
        return p;
    };
    return {{0, PhaseChanged{Phase::WarmUp, at(0)}},
            {50, PhaseChanged{Phase::Steady, at(50)}},
            {120, fault(FaultState::Intended, 120)},
            {120, fault(FaultState::Applied, 120)},
            {120, PhaseChanged{Phase::Fault, at(120)}},
            {121, fault(FaultState::Confirmed, 121)},
            {121, process(ProcessState::Down, 121)},
            {122, ResponseChanged{"ejection", "replica/2", "gateway", "", true, at(122)}},
            {125, AlertChanged{"latency", "<= 60 ms", true, 81.0, at(125)}},
            {130, OperatorActed{Act::Acknowledge, "ann", "", "", at(130)}},
            {140, ResponseChanged{"restart", "replica/2", "supervisor", "", true, at(140)}},
            {148, process(ProcessState::Serving, 148)},
            {148, fault(FaultState::Undone, 148)},
            {149, ResponseChanged{"ejection", "replica/2", "gateway", "", false, at(149)}},
            {160, AlertChanged{"latency", "<= 60 ms", false, 9.0, at(160)}},
            {200, HostStalled{0, at(200) - 25'000, at(200)}},
            {300, RunEnded{EndReason::Completed, "", at(300)}}};
}

/// Writes the whole run by hand, with a commit after every fifth row. `lastWindow` < 300 leaves the
/// run unfinished.
inline void write(RecordingWriter &writer, std::int64_t lastWindow = 300)
{
    Random random(11, 4);
    RowAssembler assembler;
    auto run = started();
    writer.event(std::move(run), -200'000);
    const auto drillText = toCanonicalJson(drill());
    writer.attach("drill.json",
                  {reinterpret_cast<const std::uint8_t *>(drillText.data()), drillText.size()});
    const auto all = events();
    std::size_t next = 0;
    for (std::int64_t k = 0; k <= lastWindow; ++k) {
        // Events arrive 3 ms after they happened, some while the row before is still open.
        while (next < all.size() && all[next].first == k)
            writer.event(all[next++].second, k * 100'000 + 43'000);
        if (k == 300)
            break;
        const MonoTime end(kStart + (k + 1) * 100'000);
        assembler.add(traffic(k, random), end);
        for (int number = 1; number <= 3; ++number)
            if (number != 2 || k < 121 || k >= 145)
                assembler.add(replica(number, k), end);
        writer.row((k + 1) * 100'000, assembler.take(end));
        if (k % 5 == 0 && !writer.commit())
            return;
    }
}

} // namespace recording_run
