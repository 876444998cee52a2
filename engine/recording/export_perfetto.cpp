#include "engine/recording/export_sink.h"

#include <cmath>
#include <fmt/format.h>
#include <limits>

namespace engine {
namespace {

/// Trace event format (JSON): counters "C" per series, nested slices "B"/"E" for phases, async
/// slices "b"/"e" for faults, responses and alerts, which may overlap, instants "i" for the rest.
/// ts is in microseconds and starts at 0.
class Perfetto final : public ExportSink
{
public:
    Perfetto(const ExportOptions &options, const ExportFacts &facts)
        : m_facts(facts), m_out(options.out)
    {
        for (const auto &column : facts.columns) {
            const auto dot = column.name.find('.');
            const auto group = column.name.substr(0, dot);
            const auto pid = m_groups.try_emplace(group, kFirstGroup + m_groups.size()).first;
            auto name = dot == std::string::npos ? group : column.name.substr(dot + 1);
            if (!column.unit.empty())
                name += " (" + column.unit + ")";
            m_counters.push_back(
                Counter{pid->second, jsonText(name), std::numeric_limits<float>::quiet_NaN()});
        }
    }

    Result<> begin() override
    {
        DR_RETURN_IF_ERROR(m_out.open());
        std::string head = "{\"displayTimeUnit\":\"ms\",\"otherData\":{";
        for (const auto &[key, value] : m_facts.meta)
            head += jsonText(key) + ":" + jsonText(value) + ",";
        m_out.write(head + fmt::format("\"t0_ts\":{}}},\"traceEvents\":[\n", -m_facts.start));
        write(process(kRun, "Run"));
        static constexpr std::string_view kTracks[] = {"Phases", "Events"};
        for (int i = 0; i < 2; ++i)
            write(fmt::format("{{\"ph\":\"M\",\"pid\":{},\"tid\":{},\"name\":\"thread_name\","
                              "\"args\":{{\"name\":\"{}\"}}}}",
                              kRun, i + 1, kTracks[i]));
        for (const auto &[group, pid] : m_groups)
            write(process(pid, group));
        return {};
    }

    void event(const Event &event) override
    {
        const auto ts = event.t - m_facts.start;
        if (const auto *phase = std::get_if<PhaseChanged>(&event.payload)) {
            endPhase(ts);
            m_isPhase = true;
            write(fmt::format("{{\"ph\":\"B\",\"pid\":{},\"tid\":1,\"ts\":{},\"cat\":\"phase\","
                              "\"name\":{}}}",
                              kRun, ts, jsonText(std::string(name(phase->phase)))));
        } else if (const auto *fault = std::get_if<FaultChanged>(&event.payload)) {
            const auto key = "fault " + std::to_string(fault->id);
            if (fault->state == FaultState::Applied)
                open(key, "fault", fault->fault + " on " + fault->target, ts);
            else if (fault->state == FaultState::Undone || fault->state == FaultState::UndoFailed)
                close(key, ts);
        } else if (const auto *response = std::get_if<ResponseChanged>(&event.payload)) {
            const auto key = "response " + response->kind + " " + response->target;
            if (response->active)
                open(key, "response", response->kind + " of " + response->target, ts);
            else
                close(key, ts);
        } else if (const auto *alert = std::get_if<AlertChanged>(&event.payload)) {
            const auto key = "alert " + alert->indicator;
            if (alert->firing)
                open(key, "alert", alert->indicator + " outside " + alert->rule, ts);
            else
                close(key, ts);
        }
        write(fmt::format("{{\"ph\":\"i\",\"s\":\"t\",\"pid\":{},\"tid\":2,\"ts\":{},\"cat\":"
                          "\"{}\",\"name\":{},\"args\":{{\"seq\":{}}}}}",
                          kRun, ts, kindName(event.payload), jsonText(describe(event.payload)),
                          event.seq));
    }

    void row(const RowView &row) override
    {
        for (std::size_t i = 0; i < m_counters.size(); ++i) {
            auto &counter = m_counters[i];
            const auto value = valueAt(row, m_facts.places[i]);
            // A counter stands until the next one: only changes are worth a line.
            if (!std::isfinite(value) || value == counter.last)
                continue;
            counter.last = value;
            write(fmt::format("{{\"ph\":\"C\",\"pid\":{},\"ts\":{},\"name\":{},\"args\":{{"
                              "\"value\":{}}}}}",
                              counter.pid, row.t - m_facts.start, counter.name, value));
        }
    }

    Result<> finish(std::int64_t end, ExportReport &report) override
    {
        const auto ts = std::max<std::int64_t>(end - m_facts.start, 0);
        endPhase(ts);
        while (!m_open.empty())
            close(m_open.begin()->first, ts);
        m_out.write("\n]}\n");
        DR_RETURN_IF_ERROR(m_out.finish());
        report.files = {m_out.path()};
        return {};
    }
    bool isGood() const override { return m_out.isGood(); }

private:
    static constexpr std::size_t kRun = 1, kFirstGroup = 2;
    struct Counter
    {
        std::size_t pid;
        std::string name;
        float last;
    };
    struct Open
    {
        std::uint64_t id;
        std::string cat, name;
    };

    static std::string process(std::size_t pid, const std::string &name)
    {
        return fmt::format("{{\"ph\":\"M\",\"pid\":{},\"name\":\"process_name\",\"args\":{{"
                           "\"name\":{}}}}}",
                           pid, jsonText(name));
    }
    void write(const std::string &line)
    {
        m_out.write((m_isFirst ? "" : ",\n") + line);
        m_isFirst = false;
    }
    void endPhase(std::int64_t ts)
    {
        if (m_isPhase)
            write(fmt::format("{{\"ph\":\"E\",\"pid\":{},\"tid\":1,\"ts\":{}}}", kRun, ts));
        m_isPhase = false;
    }
    void slice(char ph, const Open &open, std::int64_t ts)
    {
        write(fmt::format("{{\"ph\":\"{}\",\"pid\":{},\"tid\":2,\"ts\":{},\"cat\":\"{}\",\"id\":{},"
                          "\"name\":{}}}",
                          ph, kRun, ts, open.cat, open.id, jsonText(open.name)));
    }
    void open(const std::string &key, const std::string &cat, const std::string &name,
              std::int64_t ts)
    {
        const auto [it, isNew] = m_open.try_emplace(key, Open{m_next, cat, name});
        if (!isNew)
            return;
        ++m_next;
        slice('b', it->second, ts);
    }
    void close(const std::string &key, std::int64_t ts)
    {
        const auto it = m_open.find(key);
        if (it == m_open.end())
            return;
        slice('e', it->second, ts);
        m_open.erase(it);
    }

    const ExportFacts &m_facts;
    ExportFile m_out;
    std::map<std::string, std::size_t> m_groups; ///< pid by "gateway", "replica/2" ...
    std::vector<Counter> m_counters;
    std::map<std::string, Open> m_open;
    std::uint64_t m_next = 1;
    bool m_isFirst = true, m_isPhase = false;
};

} // namespace

std::unique_ptr<ExportSink> makePerfetto(const ExportOptions &options, const ExportFacts &facts)
{
    return std::make_unique<Perfetto>(options, facts);
}

} // namespace engine
