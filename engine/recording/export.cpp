#include "engine/recording/export.h"

#include "engine/recording/export_sink.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fmt/format.h>
#include <limits>
#include <nlohmann/json.hpp>

namespace engine {
namespace {

constexpr std::size_t kRowsAtOnce = 1000;

std::int64_t wallOf(const std::map<std::string, std::string> &facts)
{
    std::int64_t wall = 0;
    if (const auto it = facts.find("wall"); it != facts.end())
        std::from_chars(it->second.data(), it->second.data() + it->second.size(), wall);
    return wall;
}

Result<> chooseColumns(const RecordingReader &reader, const std::vector<std::string> &asked,
                       ExportFacts &facts)
{
    const auto &columns = reader.columns();
    std::vector<std::string> names = asked;
    if (names.empty())
        for (const auto &column : columns)
            names.push_back(column.name);
    for (const auto &name : names) {
        const auto it = std::ranges::find(columns, name, &SeriesColumn::name);
        if (it == columns.end())
            return fail(ErrorCode::NotFound,
                        "The recording has no series " + name
                            + "; `drillctl recording series` lists them",
                        reader.path().string());
        facts.columns.push_back(*it);
        facts.places.push_back(static_cast<std::size_t>(it - columns.begin()));
    }
    return {};
}

std::unique_ptr<ExportSink> makeSink(const ExportOptions &options, const ExportFacts &facts)
{
    switch (options.format) {
    case ExportFormat::Csv:
        return makeCsv(options, facts);
    case ExportFormat::JsonLines:
        return makeJsonLines(options, facts);
    case ExportFormat::Perfetto:
        return makePerfetto(options, facts);
    case ExportFormat::Prometheus:
    case ExportFormat::OpenMetrics:
        break;
    }
    return makePrometheus(options, facts);
}

/// Events and rows in the order in which the fold takes them.
class Walk
{
public:
    Walk(RecordingReader &reader, const ExportOptions &options, ExportSink &sink,
         ExportReport &report)
        : m_reader(reader), m_options(options), m_sink(sink), m_report(report)
    {
    }

    Result<std::int64_t> run(std::int64_t start, std::int64_t end)
    {
        std::int64_t row = m_options.from == INT64_MIN ? INT64_MIN : m_options.from - 1;
        std::uint64_t seq = 0;
        while (true) {
            auto slice = m_reader.read(seq, row, m_options.to, kRowsAtOnce);
            if (!slice)
                return tl::unexpected(slice.error());
            give(*slice);
            if (!slice->rows.empty())
                row = slice->rows.back().t;
            if (!slice->events.empty())
                seq = slice->events.back().seq;
            if (!m_sink.isGood())
                return fail(ErrorCode::Io, "The disk does not take the export; is it full?",
                            m_options.out.string());
            const auto share = static_cast<double>(m_last - start)
                               / static_cast<double>(std::max<std::int64_t>(end - start, 1));
            if (m_options.goOn && !m_options.goOn(std::clamp(share, 0.0, 1.0)))
                return fail(ErrorCode::Timeout, "Stopped before the end");
            if (!slice->more)
                return m_last;
        }
    }

private:
    void give(const Slice &slice)
    {
        std::size_t event = 0;
        const auto events = [&](std::int64_t upTo) {
            for (; event < slice.events.size() && slice.events[event].t <= upTo; ++event) {
                const auto &e = slice.events[event];
                if (e.t < m_options.from || e.t > m_options.to)
                    continue;
                m_sink.event(e);
                m_last = std::max(m_last, e.t);
                ++m_report.events;
            }
        };
        for (const auto &row : slice.rows) {
            events(row.t);
            m_sink.row(m_reader.view(slice, row));
            m_last = std::max(m_last, row.t);
            ++m_report.rows;
        }
        events(INT64_MAX);
    }

    RecordingReader &m_reader;
    const ExportOptions &m_options;
    ExportSink &m_sink;
    ExportReport &m_report;
    std::int64_t m_last = 0;
};

} // namespace

std::optional<ExportFormat> exportFormat(std::string_view name)
{
    static constexpr std::pair<std::string_view, ExportFormat> kNames[] = {
        {"csv", ExportFormat::Csv},
        {"jsonl", ExportFormat::JsonLines},
        {"perfetto", ExportFormat::Perfetto},
        {"prometheus", ExportFormat::Prometheus},
        {"openmetrics", ExportFormat::OpenMetrics}};
    for (const auto &[known, format] : kNames)
        if (known == name)
            return format;
    return std::nullopt;
}

ExportFile::ExportFile(std::filesystem::path path)
    : m_path(std::move(path)), m_part(m_path.string() + ".part")
{
}

ExportFile::~ExportFile()
{
    std::error_code error;
    if (!m_isDone && m_out.is_open())
        std::filesystem::remove(m_part, error);
}

Result<> ExportFile::open()
{
    m_out.open(m_part, std::ios::binary | std::ios::trunc);
    return m_out ? Result<>() : Result<>(failErrno("Cannot write " + m_part.string()));
}

Result<> ExportFile::finish()
{
    m_out.close();
    if (!m_out)
        return fail(ErrorCode::Io, "The disk does not take the export; is it full?",
                    m_path.string());
    std::error_code error;
    std::filesystem::rename(m_part, m_path, error);
    if (error)
        return fail(ErrorCode::Io, "Cannot write the export: " + error.message(), m_path.string());
    m_isDone = true;
    return {};
}

float valueAt(const RowView &row, std::size_t place)
{
    return place < row.values.size() ? row.values[place] : std::numeric_limits<float>::quiet_NaN();
}

std::string timeText(const ExportFacts &facts, std::int64_t t)
{
    if (facts.wall == 0)
        return "";
    auto text = wallText(facts.wall + t);
    text.pop_back();
    return fmt::format("{}.{:03}Z", text, (facts.wall + t) / 1000 % 1000);
}

std::string jsonText(const std::string &text)
{
    return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Result<ExportReport> exportRecording(const std::filesystem::path &path,
                                     const ExportOptions &options, const Clock &clock)
{
    if (options.from >= options.to)
        return fail(ErrorCode::InvalidInput, "The range is empty: it must end after it starts");
    auto reader = RecordingReader::open(path, clock);
    if (!reader)
        return tl::unexpected(reader.error());
    ExportFacts facts;
    auto meta = reader->meta();
    const auto span = reader->span();
    if (!meta || !span)
        return tl::unexpected(meta ? span.error() : meta.error());
    facts.meta = std::move(*meta);
    facts.wall = wallOf(facts.meta);
    // Events may lie up to some seconds before the first row.
    const auto firstEvent = reader->read(0, INT64_MIN, INT64_MAX, 1);
    if (!firstEvent)
        return tl::unexpected(firstEvent.error());
    facts.start = *span ? (*span)->first - kWindow.count() : 0;
    if (!firstEvent->events.empty())
        facts.start = std::min(facts.start, firstEvent->events.front().t);
    facts.start = std::max(facts.start, options.from);
    DR_RETURN_IF_ERROR(chooseColumns(*reader, options.series, facts));

    ExportReport report;
    const auto sink = makeSink(options, facts);
    DR_RETURN_IF_ERROR(sink->begin());
    const auto end = *span ? std::min((*span)->second, options.to) : facts.start;
    const auto last = Walk(*reader, options, *sink, report).run(facts.start, end);
    if (!last)
        return tl::unexpected(last.error());
    DR_RETURN_IF_ERROR(sink->finish(*last, report));
    if (const auto closed = reader->isClosed(); closed && !*closed)
        report.notes.push_back("The recording was never closed; this is what it holds");
    return report;
}

} // namespace engine
