// What recording costs and how fast it is read back:
//   bench_recording [FOLDER]
// Prints the writer's CPU at the default load, rows folded per second, and seek and window times on
// a file of one hour, cold (page cache dropped) and warm.

#include "engine/base/clock.h"
#include "engine/base/random.h"
#include "engine/recording/binning.h"
#include "engine/recording/fold.h"
#include "engine/recording/recorder.h"
#include "engine/recording/writer.h"

#include <algorithm>
#include <cmath>
#include <ctime>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

using namespace engine;

namespace {

constexpr int kSeries = 40, kSketches = 4, kEventsPerSecond = 20;

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

void writerCpu(const std::filesystem::path &folder, const Clock &clock)
{
    RecorderOptions options;
    options.path = folder / "live.drl";
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
        for (auto &window : all[static_cast<std::size_t>(k) - 1]) {
            window.end = end.count();
            (*recorder)->append(std::move(window));
        }
        for (int i = 0; i < kEventsPerSecond / 10; ++i)
            (*recorder)->append(note(k + i));
    }
    (void)(*recorder)->flush();
    const double share = (threadsCpuSeconds() - cpu) / (seconds(clock) - wall);
    const auto status = (*recorder)->status();
    fmt::print("writer, {} series x 10 Hz, {} events/s: {:.2f} % of a core ({} events, problem "
               "'{}')\n",
               kSeries, kEventsPerSecond, share * 100, status.committedSeq, status.problem);
    (void)(*recorder)->close();
}

std::filesystem::path hourFile(const std::filesystem::path &folder, const Clock &clock)
{
    const auto path = folder / "hour.drl";
    auto writer = RecordingWriter::create(path, nullptr, {});
    if (!writer)
        return path;
    Random random(2, 2);
    RowAssembler assembler;
    RunStarted run;
    run.start = 1'000'000;
    writer->event(run, 0);
    const double wall = seconds(clock);
    for (std::int64_t k = 1; k <= 36'000; ++k) {
        const auto end = run.start + k * kWindow.count();
        for (const auto &window : windows(end, random))
            assembler.add(window);
        for (int i = 0; i < kEventsPerSecond / 10; ++i)
            writer->event(note(k + i), k * 100'000 - 50'000);
        writer->row(k * 100'000, assembler.take(MonoTime(end)));
        if (k % 100 == 0 && !writer->commit())
            fmt::print("commit failed\n");
    }
    if (const auto closed = writer->close(clock, Micros{0}); !closed)
        fmt::print("{}\n", closed.error().text());
    fmt::print("one hour written in {:.1f} s, {:.1f} MB\n", seconds(clock) - wall,
               static_cast<double>(std::filesystem::file_size(path)) / 1e6);
    return path;
}

void dropCache(const std::filesystem::path &path)
{
    const int fd = ::open(path.c_str(), O_RDONLY);
    ::fsync(fd);
    ::posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    ::close(fd);
}

template <class Work>
void timed(const char *what, const Clock &clock, int runs, const std::filesystem::path &path,
           Work work)
{
    for (const bool isCold : {true, false}) {
        std::vector<double> times;
        for (int i = 0; i < runs; ++i) {
            if (isCold)
                dropCache(path);
            auto reader = RecordingReader::open(path, clock);
            if (!reader)
                return;
            const double from = seconds(clock);
            work(*reader, i);
            times.push_back((seconds(clock) - from) * 1000);
        }
        std::sort(times.begin(), times.end());
        fmt::print("{:<28} {:<5} p50 {:7.2f} ms   p99 {:7.2f} ms\n", what, isCold ? "cold" : "warm",
                   times[times.size() / 2], times[times.size() * 99 / 100]);
    }
}

} // namespace

int main(int argc, char **argv)
{
    auto pattern = (argc > 1 ? std::string(argv[1]) : std::string("/tmp")) + "/bench-XXXXXX";
    if (!::mkdtemp(pattern.data()))
        return 1;
    const std::filesystem::path folder(pattern);
    const auto &clock = systemClock();
    writerCpu(folder, clock);
    const auto path = hourFile(folder, clock);
    {
        auto reader = RecordingReader::open(path, clock);
        const double from = seconds(clock);
        const auto folded = foldRecording(*reader, INT64_MAX, true);
        const double took = seconds(clock) - from;
        if (folded)
            fmt::print("fold from the start: {:.0f} rows/s, hashes {}\n", 36'000 / took,
                       folded->differsAt == INT64_MIN ? "equal" : "DIFFER");
    }
    Random random(3, 3);
    timed("seek", clock, 100, path, [&](RecordingReader &reader, int) {
        (void)foldRecording(reader, static_cast<std::int64_t>(random.below(3'600'000'000)));
    });
    const std::vector<std::string> drawn = {"source/0.latency.p50", "source/0.latency.p95",
                                            "source/0.latency.p99", "source/0.requests0",
                                            "source/1.latency.p99", "source/1.requests0"};
    const auto window = [&](std::int64_t length, int bins) {
        return [&, length, bins](RecordingReader &reader, int) {
            const auto from = static_cast<std::int64_t>(
                random.below(3'600'000'000 - static_cast<std::uint64_t>(length) + 1));
            (void)binSeries(reader, RowCache(), gridFor(from, from + length, bins), drawn);
        };
    };
    timed("2 min raw", clock, 50, path, window(120'000'000, 1200));
    timed("10 min, 1 s bins", clock, 30, path, window(600'000'000, 1000));
    timed("1 h, 5 s bins (no pyramid)", clock, 10, path, window(3'600'000'000, 1000));
    std::error_code error;
    std::filesystem::remove_all(folder, error);
}
