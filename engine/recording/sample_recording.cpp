#include "engine/recording/sample_recording.h"

#include "engine/base/exact_math.h"
#include "engine/base/random.h"
#include "engine/drill/drill.h"
#include "engine/recording/writer.h"

#include <algorithm>
#include <cmath>

namespace engine {
namespace {

constexpr std::int64_t kHour = 3'600'000'000;
constexpr std::int64_t kOutage = 20'000'000;
constexpr std::int64_t kStart = 1'000'000; ///< CLOCK_MONOTONIC of t = 0 in this world

Drill sampleDrill(const SampleOptions &options)
{
    Drill drill;
    drill.title = "A made-up day";
    drill.description = "Generated: no shop ran.";
    drill.load.warmUp = Micros{10'000'000};
    drill.load.length = Micros{static_cast<std::int64_t>(options.hours * kHour)};
    Indicator latency;
    latency.name = "latency";
    latency.series = series::kP99;
    latency.rule = {Compare::LessEqual, 60, Unit::Millis, false};
    drill.steadyState = {latency};
    FaultStep crash;
    crash.name = "crash ranker 2";
    crash.fault = "process.kill";
    crash.target = "replica/2";
    crash.at = drill.load.length / 4;
    drill.method = {crash};
    drill.verdict.rto = Rule{Compare::LessEqual, 30, Unit::Seconds, false};
    return drill;
}

/// Everything that is drawn from a few hundred prepared sketches: what they hold does not matter,
/// that they differ does.
std::vector<Sketch> sketches(int count, int values, double scale, Random &random)
{
    std::vector<Sketch> out(static_cast<std::size_t>(count));
    for (auto &sketch : out)
        for (int i = 0; i < values; ++i)
            sketch.add(scale * exact::exp(0.35 * random.normal()));
    return out;
}

class SampleShop
{
public:
    SampleShop(const SampleOptions &options, RecordingWriter &writer)
        : m_options(options), m_writer(writer), m_random(options.seed, 1),
          m_step(1'000'000 / options.rate), m_end(static_cast<std::int64_t>(options.hours * kHour))
    {
        m_calm = sketches(256, 20, 9, m_random);
        m_broken = sketches(64, 20, 70, m_random);
        m_replicas = std::clamp((options.series - 13) / 8, 0, 19);
        // The first fault is the drill's; the others come on the hour.
        m_faults.push_back(m_end / 4);
        for (auto at = kHour; at < m_end; at += kHour)
            m_faults.push_back(at + 600'000'000);
        std::sort(m_faults.begin(), m_faults.end());
    }

    void start()
    {
        const auto drill = sampleDrill(m_options);
        RunStarted run;
        run.runId = "sample";
        run.drill = toCanonicalJson(drill);
        run.drillHash = drillHash(drill);
        run.shop = "sample";
        run.application = "recommend";
        run.synthetic = true;
        run.seed = m_options.seed;
        run.start = kStart;
        run.wall = 1'767'225'600'000'000; // 2026-01-01
        m_writer.event(run, 0);
        m_writer.event(PhaseChanged{Phase::WarmUp, kStart}, 0);
        for (int i = 1; i <= m_replicas; ++i)
            m_writer.event(process(i, ProcessState::Serving, "", 0), 0);
    }

    /// Events of the step, then its row. False: the day is over.
    bool step()
    {
        const auto t = m_t + m_step;
        if (t > m_end)
            return false;
        events(m_t, t);
        row(t);
        m_writer.row(t, m_row);
        m_t = t;
        return true;
    }
    void finish() { m_writer.event(RunEnded{EndReason::Completed, "", kStart + m_t}, m_t); }
    [[nodiscard]] std::int64_t now() const { return m_t; }
    [[nodiscard]] double done() const
    {
        return static_cast<double>(m_t) / static_cast<double>(m_end);
    }

private:
    static std::string replica(int i) { return "replica/" + std::to_string(i); }

    static ProcessChanged process(int i, ProcessState state, std::string detail, std::int64_t t)
    {
        ProcessChanged process;
        process.target = replica(i);
        process.role = "replica";
        process.state = state;
        process.detail = std::move(detail);
        process.at = kStart + t;
        return process;
    }

    void faultEvents(std::int64_t t)
    {
        const auto number = static_cast<std::uint32_t>(m_nextFault + 1);
        const auto at = kStart + t;
        const auto fault = [&](FaultState state, std::int64_t when) {
            return FaultChanged{number,
                                number == 1 ? "crash ranker 2" : "the hourly fault",
                                number % 2 ? "process.kill" : "network.latency",
                                "replica/2",
                                "",
                                state,
                                kStart + when,
                                0};
        };
        if (m_fault < 0) {
            if (m_nextFault >= m_faults.size() || t < m_faults[m_nextFault])
                return;
            m_fault = t;
            m_writer.event(fault(FaultState::Intended, t), t);
            m_writer.event(fault(FaultState::Applied, t), t);
            m_writer.event(PhaseChanged{Phase::Fault, at}, t);
            m_writer.event(fault(FaultState::Confirmed, t + 50'000), t + 50'000);
            m_writer.event(process(2, ProcessState::Down, "killed", t), t + 60'000);
            m_writer.event(AlertChanged{"latency", "<= 60 ms", true, 140, at}, t + 70'000);
            m_writer.event(ResponseChanged{"ejection", "replica/2", "gateway", "", true, at},
                           t + 80'000);
        } else if (t >= m_fault + kOutage) {
            m_writer.event(fault(FaultState::Undone, t), t);
            m_writer.event(process(2, ProcessState::Serving, "", t), t);
            m_writer.event(ResponseChanged{"ejection", "replica/2", "gateway", "", false, at}, t);
            m_writer.event(AlertChanged{"latency", "<= 60 ms", false, 20, at}, t);
            m_writer.event(OperatorActed{Act::Note, "ann", "over, looking at why", "", at}, t);
            m_writer.event(PhaseChanged{Phase::Recovery, at}, t);
            m_fault = -1;
            ++m_nextFault;
        }
    }

    void events(std::int64_t from, std::int64_t to)
    {
        faultEvents(from);
        m_due += m_options.eventsPerSecond * m_step;
        const auto count = m_due / 1'000'000;
        m_due -= count * 1'000'000;
        for (std::int64_t i = 0; i < count; ++i)
            m_writer.event(small(from), from + (to - from) * i / count);
    }

    /// The noise of a day: about sixty bytes each.
    Payload small(std::int64_t t)
    {
        const int i = static_cast<int>(m_small % 17) + 1;
        switch (m_small++ % 8) {
        case 0:
            return HostStalled{static_cast<std::uint32_t>(i), kStart + t - 25'000, kStart + t};
        case 1:
        case 2:
            return LinkChanged{replica(i), "telemetry", true, 0, kStart + t};
        default:
            return process(i, ProcessState::Serving, "answers in time", t);
        }
    }

    double &value(std::string name)
    {
        if (m_at == m_values.size())
            m_values.push_back(&m_row.values[std::move(name)]);
        return *m_values[m_at++];
    }
    bool isFull() const { return m_at >= static_cast<std::size_t>(m_options.series); }
    void set(std::string name, double number)
    {
        if (!isFull())
            value(std::move(name)) = number;
    }

    void sketch(const std::string &name, const Sketch &sketch)
    {
        m_row.sketches[name] = sketch;
        set(name + ".p50", sketch.quantile(0.50));
        set(name + ".p95", sketch.quantile(0.95));
        set(name + ".p99", sketch.quantile(0.99));
    }
    const Sketch &pick(const std::vector<Sketch> &all)
    {
        return all[static_cast<std::size_t>(m_random.below(all.size()))];
    }

    void row(std::int64_t t)
    {
        m_at = 0;
        const bool isOut = m_fault >= 0;
        // A day's wave as a triangle: no need for a sine.
        const auto hour = static_cast<double>(t % (24 * kHour)) / kHour;
        const double wave = 0.5 + std::min(hour, 24 - hour) / 12;
        const double due = std::floor(20 * wave + m_random.uniform() * 6);
        const double failed = isOut && m_random.uniform() < 0.3 ? 2 : 0;
        set(std::string(series::kRequests), due);
        set(std::string(series::kAnswered), due);
        set(std::string(series::kFailed), failed);
        set(std::string(series::kLate), isOut ? 1 : 0);
        set("gateway.slow.60", isOut ? 12 : 0);
        set(std::string(series::kEarned), due * 0.5 - failed / 2);
        set(std::string(series::kExpected), due * 0.5);
        set(std::string(series::kQuality), 1 - failed / due);
        set(std::string(series::kPathPrimary), due - failed);
        set(std::string(series::kPathStandby), 0);
        sketch("gateway.latency", pick(isOut ? m_broken : m_calm));
        for (int i = 1; i <= m_replicas; ++i) {
            const auto &name = m_names.size() < static_cast<std::size_t>(i)
                                   ? m_names.emplace_back(replica(i))
                                   : m_names[static_cast<std::size_t>(i) - 1];
            const bool isDown = isOut && i == 2;
            set(name + ".up", isDown ? 0 : 1);
            set(name + ".requests", isDown ? 0 : std::floor(due / m_replicas));
            set(name + ".failed", isDown ? 1 : 0);
            set(name + ".queue", wave * m_random.uniform() * 4);
            set(name + ".load", wave * 0.4 + m_random.uniform() * 0.2);
            sketch(name + ".latency", pick(m_calm));
        }
        for (int i = 0; !isFull(); ++i)
            set("host.level." + std::to_string(i), wave + m_random.uniform());
    }

    const SampleOptions &m_options;
    RecordingWriter &m_writer;
    Random m_random;
    std::int64_t m_step, m_end, m_t = 0;
    std::vector<Sketch> m_calm, m_broken;
    int m_replicas = 0;
    std::vector<std::string> m_names;
    std::vector<std::int64_t> m_faults;
    std::size_t m_nextFault = 0;
    std::int64_t m_fault = -1; ///< since when it is on; -1: none is
    std::int64_t m_due = 0;    ///< events, times a million
    std::uint64_t m_small = 0;
    AssembledRow m_row;
    std::vector<double *> m_values; ///< into m_row, in the order of set()
    std::size_t m_at = 0;
};

} // namespace

Result<SampleReport> makeSampleRecording(const std::filesystem::path &path,
                                         const SampleOptions &options, const Clock &clock,
                                         std::stop_token stop,
                                         const std::function<void(double)> &progress)
{
    if (!(options.hours > 0 && options.hours <= 24 * 31) || options.series < 13
        || options.series > 5000 || options.eventsPerSecond < 0 || options.eventsPerSecond > 10'000
        || (options.rate != 1 && options.rate != 2 && options.rate != 5 && options.rate != 10))
        return fail(ErrorCode::InvalidInput,
                    "A recording is made of up to 744 hours, 13 to 5000 series, 1, 2, 5 or 10 rows "
                    "and up to 10000 events per second");
    const auto began = clock.now();
    auto writer = RecordingWriter::create(path, options.key,
                                          {{"title", "A made-up day"}, {"generated", "1"}});
    if (!writer)
        return tl::unexpected(writer.error());
    SampleShop shop(options, *writer);
    shop.start();
    SampleReport report;
    while (!stop.stop_requested() && shop.step()) {
        ++report.rows;
        if (report.rows % static_cast<std::uint64_t>(options.rate) == 0)
            DR_RETURN_IF_ERROR(writer->commit());
        if (report.rows % static_cast<std::uint64_t>(60 * options.rate) == 0) {
            DR_RETURN_IF_ERROR(writer->seal());
            if (const auto moved = writer->checkpoint(); !moved)
                return tl::unexpected(moved.error());
            if (progress)
                progress(shop.done());
        }
    }
    shop.finish();
    DR_RETURN_IF_ERROR(writer->close(clock, Micros{0}));
    std::error_code error;
    report.bytes = std::filesystem::file_size(path, error);
    report.events = writer->lastSeq();
    report.seconds = static_cast<double>((clock.now() - began).count()) / 1e6;
    if (stop.stop_requested())
        return fail(ErrorCode::Partial, "Stopped; what was made until then is whole",
                    path.string());
    return report;
}

} // namespace engine
