#include "engine/recording/export_sink.h"

#include <cmath>
#include <fmt/format.h>

namespace engine {
namespace {

/// Text for a cell. What a spreadsheet would take for a formula gets an apostrophe before it.
std::string cell(std::string text)
{
    if (!text.empty() && std::string_view("=+-@\t\r").find(text.front()) != std::string_view::npos)
        text.insert(0, 1, '\'');
    if (text.find_first_of(",\"\r\n") == std::string::npos)
        return text;
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"')
            out += '"';
        out += c;
    }
    return out + '"';
}

std::string seconds(std::int64_t t)
{
    return fmt::format("{}{}.{:06}", t < 0 ? "-" : "", std::abs(t) / 1'000'000,
                       std::abs(t) % 1'000'000);
}

class Csv final : public ExportSink
{
public:
    Csv(const ExportOptions &options, const ExportFacts &facts)
        : m_facts(facts), m_rows(options.out),
          m_events(std::filesystem::path(options.out).replace_extension(".events.csv"))
    {
    }
    Result<> begin() override
    {
        DR_RETURN_IF_ERROR(m_rows.open());
        DR_RETURN_IF_ERROR(m_events.open());
        std::string head = "seconds,time";
        for (const auto &column : m_facts.columns)
            head += "," + cell(column.name + (column.unit.empty() ? "" : " (" + column.unit + ")"));
        m_rows.write(head + "\r\n");
        m_events.write("seq,seconds,time,kind,target,text,data\r\n");
        return {};
    }
    void event(const Event &event) override
    {
        m_events.write(fmt::format("{},{},{},{},{},{},{}\r\n", event.seq, seconds(event.t),
                                   timeText(m_facts, event.t), kindName(event.payload),
                                   cell(targetOf(event.payload)), cell(describe(event.payload)),
                                   cell(toJson(event))));
    }
    void row(const RowView &row) override
    {
        std::string line = seconds(row.t) + "," + timeText(m_facts, row.t);
        for (const auto place : m_facts.places) {
            const auto value = valueAt(row, place);
            // fmt writes a point in every locale. A gap is an empty cell.
            line += std::isfinite(value) ? fmt::format(",{}", value) : ",";
        }
        m_rows.write(line + "\r\n");
    }
    Result<> finish(std::int64_t, ExportReport &report) override
    {
        DR_RETURN_IF_ERROR(m_rows.finish());
        DR_RETURN_IF_ERROR(m_events.finish());
        report.files = {m_rows.path(), m_events.path()};
        return {};
    }
    bool isGood() const override { return m_rows.isGood() && m_events.isGood(); }

private:
    const ExportFacts &m_facts;
    ExportFile m_rows, m_events;
};

class JsonLines final : public ExportSink
{
public:
    JsonLines(const ExportOptions &options, const ExportFacts &facts)
        : m_facts(facts), m_out(options.out)
    {
        for (const auto &column : facts.columns)
            m_names.push_back(jsonText(column.name));
    }
    Result<> begin() override
    {
        DR_RETURN_IF_ERROR(m_out.open());
        std::string line = "{\"recording\":{";
        bool isFirst = true;
        for (const auto &[key, value] : m_facts.meta) {
            line += (isFirst ? "" : ",") + jsonText(key) + ":" + jsonText(value);
            isFirst = false;
        }
        m_out.write(line + "}}\n");
        return {};
    }
    void event(const Event &event) override { m_out.write(toJson(event) + "\n"); }
    void row(const RowView &row) override
    {
        std::string line = fmt::format("{{\"t_us\":{},\"row\":{{", row.t);
        bool isFirst = true;
        for (std::size_t i = 0; i < m_names.size(); ++i) {
            const auto value = valueAt(row, m_facts.places[i]);
            if (!std::isfinite(value))
                continue; // a gap
            line += fmt::format("{}{}:{}", isFirst ? "" : ",", m_names[i], value);
            isFirst = false;
        }
        m_out.write(line + "}}\n");
    }
    Result<> finish(std::int64_t, ExportReport &report) override
    {
        DR_RETURN_IF_ERROR(m_out.finish());
        report.files = {m_out.path()};
        return {};
    }
    bool isGood() const override { return m_out.isGood(); }

private:
    const ExportFacts &m_facts;
    ExportFile m_out;
    std::vector<std::string> m_names;
};

} // namespace

std::unique_ptr<ExportSink> makeCsv(const ExportOptions &options, const ExportFacts &facts)
{
    return std::make_unique<Csv>(options, facts);
}

std::unique_ptr<ExportSink> makeJsonLines(const ExportOptions &options, const ExportFacts &facts)
{
    return std::make_unique<JsonLines>(options, facts);
}

} // namespace engine
