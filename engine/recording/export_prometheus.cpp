#include "engine/recording/export_sink.h"

#include <cctype>
#include <cmath>
#include <fmt/format.h>

namespace engine {
namespace {

struct CloseFile
{
    void operator()(std::FILE *file) const { std::fclose(file); }
};
using TempFile = std::unique_ptr<std::FILE, CloseFile>;

std::string escaped(const std::string &text)
{
    std::string out;
    for (const char c : text)
        out += c == '\\' ? "\\\\" : c == '"' ? "\\\"" : c == '\n' ? "\\n" : std::string(1, c);
    return out;
}

/// Letters, digits and underscores; everything else becomes one.
std::string plain(std::string_view text)
{
    std::string out;
    for (const char c : text)
        out += std::isalnum(static_cast<unsigned char>(c)) && static_cast<signed char>(c) > 0 ? c
                                                                                              : '_';
    return out;
}

/// "replica/2.latency.p99" in ms: drillroom_replica_latency_p99_seconds{target="replica/2"}.
struct Metric
{
    std::string family, labels, help;
    bool isCounter = false;
    double scale = 1;
};

Metric metricOf(const SeriesColumn &column)
{
    Metric metric;
    metric.isCounter = column.fold == Fold::Sum;
    const auto dot = column.name.find('.');
    auto role = column.name.substr(0, dot);
    const auto rest = dot == std::string::npos ? "" : column.name.substr(dot);
    if (const auto slash = role.find('/'); slash != std::string::npos) {
        metric.labels = fmt::format("{{target=\"{}\"}}", escaped(role));
        role.resize(slash);
    }
    metric.family = "drillroom_" + plain(role + rest);
    metric.help = escaped((role + rest) + (metric.isCounter ? ", counted since the start" : ""));
    if (column.unit == "ms") {
        metric.family += "_seconds"; // base units
        metric.scale = 0.001;
    } else if (column.unit == "s") {
        metric.family += "_seconds";
    }
    if (metric.isCounter)
        metric.family += "_total";
    return metric;
}

/// Samples of one metric must stand together, but come row by row: each series has a temporary
/// file until the end.
class Prometheus final : public ExportSink
{
public:
    Prometheus(const ExportOptions &options, const ExportFacts &facts)
        : m_facts(facts), m_out(options.out),
          m_isOpenMetrics(options.format == ExportFormat::OpenMetrics), m_every(options.every)
    {
        for (const auto &column : facts.columns) {
            auto metric = metricOf(column);
            auto &family = m_families[metric.family];
            if (family.help.empty()) {
                family.help = metric.help;
                family.isCounter = metric.isCounter;
            }
            m_series.push_back({});
            m_series.back().metric = std::move(metric);
            family.series.push_back(m_series.size() - 1);
        }
    }

    Result<> begin() override
    {
        if (m_series.size() > kMostSeries)
            return fail(ErrorCode::InvalidInput,
                        fmt::format("The recording has {} series; at most {} go into one export, "
                                    "pick with --series",
                                    m_series.size(), kMostSeries));
        for (auto &series : m_series) {
            series.file.reset(std::tmpfile());
            if (!series.file)
                return failErrno("Cannot make a temporary file");
        }
        m_next = m_facts.start + m_every;
        return m_out.open();
    }

    void event(const Event &event) override { ++m_kinds[std::string(kindName(event.payload))]; }

    void row(const RowView &row) override
    {
        for (std::size_t i = 0; i < m_series.size(); ++i) {
            const auto value = valueAt(row, m_facts.places[i]);
            if (!std::isfinite(value))
                continue;
            auto &series = m_series[i];
            const auto scaled = static_cast<double>(value) * series.metric.scale;
            series.value = series.metric.isCounter ? series.value + scaled : scaled;
            series.isThere = true;
        }
        m_last = row.t;
        if (row.t >= m_next) {
            sample(row.t);
            m_next = row.t + m_every;
        }
    }

    Result<> finish(std::int64_t end, ExportReport &report) override
    {
        if (m_last > m_sampled)
            sample(m_last);
        for (const auto &[name, family] : m_families)
            DR_RETURN_IF_ERROR(writeFamily(name, family));
        writeEvents(std::max(end, m_last));
        if (m_isOpenMetrics)
            m_out.write("# EOF\n");
        DR_RETURN_IF_ERROR(m_out.finish());
        report.files = {m_out.path()};
        if (m_facts.wall == 0)
            report.notes.push_back("The recording does not know the time of day: times count from "
                                   "1970");
        return {};
    }
    bool isGood() const override { return m_out.isGood() && m_isGood; }

private:
    static constexpr std::size_t kMostSeries = 800; // temporary files
    struct Series
    {
        Metric metric;
        TempFile file;
        double value = 0;
        bool isThere = false; ///< since the last sample
    };
    struct Family
    {
        std::string help;
        bool isCounter = false;
        std::vector<std::size_t> series;
    };

    std::string timeOf(std::int64_t t) const
    {
        const auto ms = (m_facts.wall + t) / 1000;
        return m_isOpenMetrics ? fmt::format("{}.{:03}", ms / 1000, std::abs(ms % 1000))
                               : fmt::format("{}", ms);
    }
    void sample(std::int64_t t)
    {
        const auto time = timeOf(t);
        for (auto &series : m_series) {
            if (!series.isThere)
                continue; // a gap has no sample
            series.isThere = false;
            const auto line = fmt::format("{}{} {} {}\n", series.metric.family,
                                          series.metric.labels, series.value, time);
            m_isGood =
                m_isGood
                && std::fwrite(line.data(), 1, line.size(), series.file.get()) == line.size();
        }
        m_sampled = t;
    }
    void head(const std::string &name, const std::string &help, bool isCounter)
    {
        // OpenMetrics names a counter's family without _total.
        const auto family = m_isOpenMetrics && isCounter ? name.substr(0, name.size() - 6) : name;
        m_out.write(fmt::format("# HELP {} {}\n# TYPE {} {}\n", family, help, family,
                                isCounter ? "counter" : "gauge"));
    }
    Result<> writeFamily(const std::string &name, const Family &family)
    {
        bool isFirst = true;
        for (const auto i : family.series) {
            auto *file = m_series[i].file.get();
            if (std::fflush(file) != 0)
                return failErrno("Cannot write a temporary file");
            std::rewind(file);
            char buffer[65536];
            while (const auto got = std::fread(buffer, 1, sizeof(buffer), file)) {
                if (isFirst)
                    head(name, family.help, family.isCounter);
                isFirst = false;
                m_out.write({buffer, got});
            }
        }
        return {};
    }
    void writeEvents(std::int64_t end)
    {
        if (m_kinds.empty())
            return;
        head("drillroom_events_total", "Events of the recording by kind", true);
        for (const auto &[kind, count] : m_kinds)
            m_out.write(fmt::format("drillroom_events_total{{kind=\"{}\"}} {} {}\n", kind, count,
                                    timeOf(end)));
    }

    const ExportFacts &m_facts;
    ExportFile m_out;
    const bool m_isOpenMetrics;
    const std::int64_t m_every;
    std::map<std::string, Family> m_families;
    std::vector<Series> m_series;
    std::map<std::string, std::uint64_t> m_kinds;
    std::int64_t m_next = 0, m_last = INT64_MIN, m_sampled = INT64_MIN;
    bool m_isGood = true;
};

} // namespace

std::unique_ptr<ExportSink> makePrometheus(const ExportOptions &options, const ExportFacts &facts)
{
    return std::make_unique<Prometheus>(options, facts);
}

} // namespace engine
