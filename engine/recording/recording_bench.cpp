#include "engine/recording/recording_bench.h"

#include "engine/base/random.h"
#include "engine/recording/binning.h"
#include "engine/recording/fold.h"
#include "engine/recording/timeline.h"

#include <algorithm>
#include <ctime>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

namespace engine {
namespace {

constexpr std::int64_t kMinute = 60'000'000;

double millis(Micros span)
{
    return static_cast<double>(span.count()) / 1000;
}

void dropCache(const std::filesystem::path &path)
{
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    ::fsync(fd); // dirty pages would stay
    ::posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    ::close(fd);
}

double threadMillis()
{
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

double at(const std::vector<double> &sorted, double q)
{
    return sorted[static_cast<std::size_t>(q * static_cast<double>(sorted.size() - 1) + 0.5)];
}

class Bench
{
public:
    Bench(const std::filesystem::path &path, const BenchOptions &options, const Clock &clock,
          const std::function<void(const std::string &)> &said)
        : m_path(path), m_options(options), m_clock(clock), m_said(said), m_random(options.seed, 1)
    {
    }

    Result<RecordingBench> run()
    {
        DR_RETURN_IF_ERROR(look());
        DR_RETURN_IF_ERROR(timed("seek", [&](RecordingReader &reader) -> Result<> {
            const auto done = foldRecording(reader, place(0));
            return done ? Result<>() : tl::unexpected(done.error());
        }));
        const std::pair<const char *, std::int64_t> windows[] = {
            {"24 h", 1440}, {"12 h", 720},  {"4 h", 240},   {"2 h", 120},
            {"1 h", 60},    {"30 min", 30}, {"10 min", 10}, {"2 min", 2}};
        for (const auto &[name, minutes] : windows) {
            const auto length = minutes * kMinute;
            if (length > m_length + kMinute)
                continue;
            const auto width = gridFor(0, length, m_options.bins).width;
            const auto what =
                fmt::format("{} in bins of {:g} s", name, static_cast<double>(width) / 1e6);
            DR_RETURN_IF_ERROR(timed(what, [&, length, width](RecordingReader &reader) -> Result<> {
                const auto from = place(length) / width * width; // or it takes one bin more
                const auto drawn = binSeries(reader, RowCache(),
                                             gridFor(from, from + length, m_options.bins), m_drawn);
                return drawn ? Result<>() : tl::unexpected(drawn.error());
            }));
        }
        opening();
        scrubbing();
        if (m_options.checkAll)
            checking();
        return std::move(m_bench);
    }

private:
    void say(const std::string &text) const
    {
        if (m_said)
            m_said(text);
    }

    Result<> look()
    {
        auto reader = RecordingReader::open(m_path, m_clock);
        if (!reader)
            return tl::unexpected(reader.error());
        const auto span = reader->span();
        if (!span)
            return tl::unexpected(span.error());
        if (!*span || reader->wasUnclosed())
            return fail(ErrorCode::InvalidInput, "Only a closed recording with rows is measured",
                        m_path.string());
        m_first = (*span)->first;
        m_length = (*span)->second - m_first;
        // Percentiles cost the most: as many of them as a page draws, then others.
        for (const bool isPercentile : {true, false})
            for (const auto &column : reader->columns())
                if ((column.fold == Fold::Percentile) == isPercentile
                    && m_drawn.size() < m_options.series / (isPercentile ? 2 : 1))
                    m_drawn.push_back(column.name);
        m_bench.hours = static_cast<double>(m_length) / (60.0 * kMinute);
        std::error_code error;
        m_bench.megabytes = static_cast<double>(std::filesystem::file_size(m_path, error)) / 1e6;
        return {};
    }

    /// A random place for a window of this length.
    std::int64_t place(std::int64_t length)
    {
        const auto room = std::max<std::int64_t>(m_length - length, 0) + 1;
        return m_first
               + static_cast<std::int64_t>(m_random.below(static_cast<std::uint64_t>(room)));
    }

    Result<> timed(const std::string &what, const std::function<Result<>(RecordingReader &)> &work)
    {
        for (const bool isCold : {true, false}) {
            std::vector<double> times, cpu;
            BenchLine line{what, isCold, m_options.runs};
            for (std::size_t i = 0; i < m_options.runs; ++i) {
                if (isCold) {
                    dropCache(m_path);
                } else if (auto first = RecordingReader::open(m_path, m_clock)) {
                    const auto before = m_random; // the same place again
                    DR_RETURN_IF_ERROR(work(*first));
                    m_random = before;
                }
                auto reader = RecordingReader::open(m_path, m_clock);
                if (!reader)
                    return tl::unexpected(reader.error());
                const auto from = m_clock.now();
                const auto cpuFrom = threadMillis();
                DR_RETURN_IF_ERROR(work(*reader));
                times.push_back(millis(m_clock.now() - from));
                cpu.push_back(threadMillis() - cpuFrom);
                const auto counts = reader->takeCounts();
                line.rows = std::max(line.rows, counts.rows);
                line.chunks = std::max(line.chunks, counts.chunks);
                line.sketches = std::max(line.sketches, counts.sketches);
                line.bytes = std::max(line.bytes, counts.bytes);
            }
            std::sort(times.begin(), times.end());
            std::sort(cpu.begin(), cpu.end());
            line.cpu = at(cpu, 0.95);
            line.p50 = at(times, 0.50);
            line.p95 = at(times, 0.95);
            line.p99 = at(times, 0.99);
            line.most = times.back();
            say(fmt::format("{:<24} {}: p50 {:.1f}, p99 {:.1f} ms", what, isCold ? "cold" : "warm",
                            line.p50, line.p99));
            m_bench.lines.push_back(line);
        }
        return {};
    }

    template <class Claim>
    double waitFor(const SqliteTimeline &timeline, MonoTime from, Claim claim) const
    {
        while (!claim(*timeline.snapshot()) && m_clock.now() - from < Micros{10 * kMinute})
            m_clock.waitUntil(m_clock.now() + Micros{200}, {});
        return millis(m_clock.now() - from);
    }

    void opening()
    {
        for (int i = 0; i < 10; ++i) {
            dropCache(m_path);
            const auto from = m_clock.now();
            SqliteTimeline timeline(m_path, false, m_clock);
            timeline.show(m_first, m_first + m_length, m_options.bins, m_drawn);
            const auto open = waitFor(timeline, from, [](const TimelineSnapshot &snapshot) {
                return snapshot.end > 0 && snapshot.state->seq > 0;
            });
            const auto drawn = waitFor(timeline, from, [](const TimelineSnapshot &snapshot) {
                return !snapshot.series.empty() && !snapshot.coarse;
            });
            m_bench.openMillis = std::max(m_bench.openMillis, open);
            m_bench.drawnMillis = std::max(m_bench.drawnMillis, drawn);
            m_bench.events = std::max(m_bench.events, timeline.snapshot()->eventCount);
        }
        say(fmt::format("opened in {:.1f} ms, all of it drawn in {:.1f} ms", m_bench.openMillis,
                        m_bench.drawnMillis));
    }

    /// The mouse drags the playhead over the whole recording while a picture is shown.
    void scrubbing()
    {
        dropCache(m_path);
        SqliteTimeline timeline(m_path, false, m_clock);
        timeline.show(m_first, m_first + m_length, m_options.bins, m_drawn);
        (void)waitFor(timeline, m_clock.now(),
                      [](const TimelineSnapshot &s) { return !s.series.empty() && !s.coarse; });
        constexpr Micros kEvery{16'667}, kLength{5'000'000};
        const auto begin = m_clock.now();
        std::map<std::int64_t, MonoTime> asked; // playhead -> when; places only rise
        std::vector<double> lags;
        std::int64_t shown = INT64_MIN;
        std::size_t pictures = 0;
        auto nextSeek = begin;
        while (m_clock.now() - begin < kLength) {
            if (m_clock.now() >= nextSeek) {
                const auto part = static_cast<double>((nextSeek - begin).count())
                                  / static_cast<double>(kLength.count());
                const auto t =
                    m_first + static_cast<std::int64_t>(part * static_cast<double>(m_length));
                asked[t] = m_clock.now();
                timeline.seek(t);
                nextSeek += kEvery;
            }
            const auto snapshot = timeline.snapshot();
            if (snapshot->playhead > shown && asked.contains(snapshot->playhead)) {
                shown = snapshot->playhead;
                ++pictures;
                for (auto it = asked.begin(); it != asked.end() && it->first <= shown;
                     it = asked.erase(it))
                    lags.push_back(millis(m_clock.now() - it->second));
            }
            m_clock.waitUntil(m_clock.now() + Micros{500}, {});
        }
        m_bench.scrubHz =
            static_cast<double>(pictures) / (static_cast<double>(kLength.count()) / 1e6);
        std::sort(lags.begin(), lags.end());
        m_bench.scrubLagMillis = lags.empty() ? -1 : at(lags, 0.99);
        say(fmt::format("scrubbing at {:.1f} Hz", m_bench.scrubHz));
    }

    void checking()
    {
        const auto from = m_clock.now();
        SqliteTimeline timeline(m_path, false, m_clock);
        m_bench.checkSeconds = waitFor(timeline, from,
                                       [](const TimelineSnapshot &snapshot) {
                                           return snapshot.end > 0 && !snapshot.isChecking;
                                       })
                               / 1000;
        m_bench.problem = timeline.snapshot()->problem;
    }

    const std::filesystem::path &m_path;
    const BenchOptions &m_options;
    const Clock &m_clock;
    const std::function<void(const std::string &)> &m_said;
    Random m_random;
    std::vector<std::string> m_drawn;
    std::int64_t m_first = 0, m_length = 0;
    RecordingBench m_bench;
};

} // namespace

Result<RecordingBench> benchRecording(const std::filesystem::path &path,
                                      const BenchOptions &options, const Clock &clock,
                                      const std::function<void(const std::string &)> &said)
{
    return Bench(path, options, clock, said).run();
}

std::string benchText(const RecordingBench &bench)
{
    auto text =
        fmt::format("{:.2f} h, {:.1f} MB, {} events\n", bench.hours, bench.megabytes, bench.events);
    text += fmt::format("{:<24} {:<5} {:>8} {:>8} {:>8} {:>8} {:>8}   reads at most\n", "ms", "",
                        "p50", "p95", "p99", "most", "cpu p95");
    for (const auto &line : bench.lines)
        text += fmt::format("{:<24} {:<5} {:>8.2f} {:>8.2f} {:>8.2f} {:>8.2f} {:>8.2f}   {} rows, "
                            "{} chunks, {} sketches, "
                            "{:.0f} kB\n",
                            line.what, line.isCold ? "cold" : "warm", line.p50, line.p95, line.p99,
                            line.most, line.cpu, line.rows, line.chunks, line.sketches,
                            static_cast<double>(line.bytes) / 1000);
    text += fmt::format("first state shown after {:.1f} ms, all of it drawn after {:.1f} ms (cold, "
                        "worst of 10)\n",
                        bench.openMillis, bench.drawnMillis);
    text +=
        fmt::format("scrubbing: {:.1f} pictures/s, a seek is shown within {:.1f} ms (p99, cold)\n",
                    bench.scrubHz, bench.scrubLagMillis);
    if (bench.checkSeconds >= 0)
        text +=
            fmt::format("all state hashes from the first event on: {:.1f} s in the background\n",
                        bench.checkSeconds);
    if (!bench.problem.empty())
        text += "problem: " + bench.problem + "\n";
    return text;
}

} // namespace engine
