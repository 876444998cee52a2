// What recording costs and how fast it is read back:
//   bench_recording [FILE [HOURS]]
// Prints the writer's CPU at two loads, then the table of FILE, which is made first when it is not
// there: 200 series x 10 Hz, 50 events/s, 24 h unless HOURS says otherwise. Without FILE: one hour
// in a folder of its own, with the same load at 1/4 of an hour beside it (growth).

#include "engine/base/clock.h"
#include "engine/base/random.h"
#include "engine/metrics/sketch.h"
#include "engine/metrics/window.h"
#include "engine/recording/recorder.h"
#include "engine/recording/recording_bench.h"
#include "engine/recording/sample_recording.h"

#include <cmath>
#include <cstdlib>
#include <ctime>
#include <fmt/format.h>
#include <unistd.h>

using namespace engine;

namespace {

constexpr int kSeries = 40;

double threadsCpuSeconds()
{
    timespec now{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

double seconds(const Clock &clock)
{
    return static_cast<double>(clock.now().count()) / 1e6;
}

/// Window k of four sources with 40 series and 4 sketches together.
std::vector<Window> windows(std::int64_t end, Random &random)
{
    std::vector<Window> out;
    for (int source = 0; source < 4; ++source) {
        Window window;
        window.source = "source/" + std::to_string(source);
        window.end = end;
        for (int i = 0; i < kSeries / 4 - 3; ++i) // three percentiles come from the sketch
            window.samples.push_back(
                {window.source + (i % 2 ? ".level" : ".requests") + std::to_string(i),
                 random.uniform() * 100});
        Sketch sketch;
        for (int i = 0; i < 20; ++i)
            sketch.add(8.0 * std::exp(0.3 * random.normal()));
        window.sketches = {{window.source + ".latency", sketch.encode()}};
        out.push_back(std::move(window));
    }
    return out;
}

Payload note(std::int64_t i)
{
    ProcessChanged process;
    process.target = "replica/" + std::to_string(i % 3 + 1);
    process.role = "replica";
    process.state = i % 2 ? ProcessState::Serving : ProcessState::Degraded;
    process.detail = "an event of about sixty bytes in all";
    return process;
}

/// Every `every`-th window of 100 ms, so many events per second.
void writerCpu(const std::filesystem::path &folder, const Clock &clock, int every, int events)
{
    RecorderOptions options;
    options.path = folder / ("live" + std::to_string(every) + ".drl");
    auto recorder = Recorder::start(options, clock);
    if (!recorder)
        return;
    RunStarted run;
    run.start = alignUp(clock.now()).count();
    Random random(1, 1);
    constexpr int kWindows = 300; // 30 s
    // Making the windows is not the recorder's work: done first.
    std::vector<std::vector<Window>> all;
    for (int k = 1; k <= kWindows; ++k)
        all.push_back(windows(0, random));
    run.start = alignUp(clock.now()).count();
    (*recorder)->append(run);
    const double cpu = threadsCpuSeconds(), wall = seconds(clock);
    for (int k = 1; k <= kWindows; ++k) {
        const MonoTime end(run.start + k * kWindow.count());
        clock.waitUntil(end, {});
        for (int i = 0; i < events / 10; ++i)
            (*recorder)->append(note(k + i));
        if (k % every != 0)
            continue;
        for (auto &window : all[static_cast<std::size_t>(k) - 1]) {
            window.end = end.count();
            (*recorder)->append(std::move(window));
        }
    }
    (void)(*recorder)->flush();
    const double share = (threadsCpuSeconds() - cpu) / (seconds(clock) - wall);
    const auto status = (*recorder)->status();
    fmt::print("writer, {} series x {} Hz, {} events/s: {:.2f} % of a core ({} events, problem "
               "'{}')\n",
               kSeries, 10 / every, events, share * 100, status.committedSeq, status.problem);
    (void)(*recorder)->close();
}

/// True: it is there now.
bool make(const std::filesystem::path &path, double hours, const Clock &clock)
{
    SampleOptions options;
    options.hours = hours;
    const auto made = makeSampleRecording(path, options, clock, {}, [](double done) {
        fmt::print(stderr, "\r{:5.1f} %", done * 100);
    });
    fmt::print(stderr, "\r");
    if (!made) {
        fmt::print("{}\n", made.error().text());
        return false;
    }
    fmt::print("made {:.2f} h: {:.1f} MB ({:.1f} MB/h), {} rows, {} events in {:.1f} s\n", hours,
               static_cast<double>(made->bytes) / 1e6,
               static_cast<double>(made->bytes) / 1e6 / hours, made->rows, made->events,
               made->seconds);
    return true;
}

} // namespace

int main(int argc, char **argv)
{
    std::string pattern = "/tmp/bench-XXXXXX";
    if (!::mkdtemp(pattern.data()))
        return 1;
    const std::filesystem::path folder(pattern);
    const auto &clock = systemClock();
    writerCpu(folder, clock, 5, 10); // the default profile: 2 Hz
    writerCpu(folder, clock, 1, 20);
    const auto path = argc > 1 ? std::filesystem::path(argv[1]) : folder / "hour.drl";
    const double hours = argc > 2 ? std::atof(argv[2]) : argc > 1 ? 24 : 1;
    bool isThere = std::filesystem::exists(path) || make(path, hours, clock);
    if (argc == 1)
        isThere = isThere && make(folder / "quarter.drl", hours / 4, clock);
    BenchOptions options;
    options.checkAll = true;
    if (isThere) {
        const auto bench = benchRecording(path, options, clock, [](const std::string &line) {
            fmt::print(stderr, "{}\n", line);
        });
        fmt::print("{}", bench ? benchText(*bench) : bench.error().text() + "\n");
    }
    std::error_code error;
    std::filesystem::remove_all(folder, error);
    return isThere ? 0 : 1;
}
