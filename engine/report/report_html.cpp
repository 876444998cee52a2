#include "engine/report/report_html.h"

#include "engine/metrics/window.h"
#include "engine/report/report_charts.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

namespace engine {
namespace {

constexpr std::size_t kMostRows = 400;

// The light palette; exported pages use it whatever the console shows.
constexpr std::string_view kStyle = R"(
:root{color-scheme:light}
*{box-sizing:border-box}
body{margin:0;background:#F1F3F6;color:#1A202A;font:14px/1.45 Inter,"Noto Sans","DejaVu Sans",sans-serif}
main{max-width:1120px;margin:0 auto;padding:24px 16px 48px}
section,header{background:#FFF;border:1px solid #DADFE7;border-radius:6px;padding:16px 20px;margin:0 0 12px}
h1{font-size:20px;margin:0 0 4px}h2{font-size:15px;margin:0 0 10px}
p{margin:4px 0}.muted{color:#556070}.mono{font-family:"JetBrains Mono","DejaVu Sans Mono",monospace;font-size:12px;overflow-wrap:anywhere}
.chip{display:inline-block;border-radius:4px;padding:1px 8px;font-size:12px;font-weight:500;background:#EEF1F5;color:#1A202A;margin-left:8px;vertical-align:middle}
.chip.warn{background:rgba(138,90,0,.1);color:#8A5A00}
.word{display:flex;align-items:center;gap:10px;font-size:28px;font-weight:700;margin:0}
.word svg{width:30px;height:30px}.ok{color:#12744C}.warning{color:#8A5A00}.danger{color:#BF2626}
.lead{font-size:16px;margin:6px 0}
table{border-collapse:collapse;width:100%;font-size:13px}
th{text-align:left;font-weight:500;color:#556070;font-size:12px;border-bottom:1px solid #DADFE7;padding:6px 10px 6px 0}
td{border-bottom:1px solid #E9ECF1;padding:7px 10px 7px 0;vertical-align:top}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
td svg{width:14px;height:14px;vertical-align:-2px;margin-right:5px}
.bar{display:inline-block;width:90px;height:6px;border-radius:2px;background:#EEF1F5;vertical-align:middle;margin-right:8px;overflow:hidden}
.bar i{display:block;height:100%;background:#12744C}.bar i.near{background:#8A5A00}.bar i.over{background:#BF2626}
svg.charts,section>svg{width:100%;height:auto;display:block}
svg text{font:11.5px Inter,"Noto Sans","DejaVu Sans",sans-serif;fill:#1A202A}
svg .axis{fill:#556070}svg .label{fill:#1A202A}svg .track{font-weight:600;font-size:13px}
svg .end{text-anchor:end}svg .middle{text-anchor:middle}svg .faulttext{fill:#C62828}
svg .grid{stroke:#E9ECF1;stroke-width:1;fill:none}svg .limit{stroke:#8A5A00;stroke-width:1;stroke-dasharray:2 3;fill:none}
svg .band{fill:#C62828;fill-opacity:.1}svg .phase{stroke:#556070;stroke-dasharray:4 3;fill:none}
svg .leader{stroke:#556070;fill:none}svg .fault{stroke:#C62828}
dl{display:grid;grid-template-columns:180px 1fr;gap:4px 12px;margin:0;font-size:13px}dt{color:#556070}dd{margin:0}
@media print{body{background:#FFF}section,header{break-inside:avoid}}
)";

struct Look
{
    std::string_view style, icon;
};

/// State is icon, word and colour, always all three.
Look lookOf(Word word)
{
    constexpr std::string_view kCheck = "<path d='M4 10.5l4 4 8-9'/>";
    constexpr std::string_view kCross = "<path d='M5 5l10 10M15 5L5 15'/>";
    constexpr std::string_view kWarning = "<path d='M10 3.5l7.5 13h-15zM10 8.5v4M10 14.6v.1'/>";
    constexpr std::string_view kHalt = "<circle cx='10' cy='10' r='7'/><path d='M6.5 10h7'/>";
    constexpr std::string_view kPending = "<circle cx='10' cy='10' r='7'/><path d='M10 6v4l3 2'/>";
    switch (word) {
    case Word::Pass:
        return {"ok", kCheck};
    case Word::Fail:
        return {"danger", kCross};
    case Word::Inconclusive:
        return {"warning", kWarning};
    case Word::Aborted:
        return {"muted", kHalt};
    case Word::Errored:
        return {"danger", kWarning};
    case Word::Running:
        break;
    }
    return {"muted", kPending};
}

std::string wordHtml(Word word)
{
    const auto look = lookOf(word);
    return fmt::format("<span class='{}'><svg viewBox='0 0 20 20' fill='none' "
                       "stroke='currentColor' stroke-width='1.8' stroke-linecap='round' "
                       "aria-hidden='true'>{}</svg>{}</span>",
                       look.style, look.icon, name(word));
}

std::string valueText(const std::optional<double> &value, const Measure &measure)
{
    if (!value || !std::isfinite(*value))
        return "\u2013";
    const double v = *value;
    if (measure.name == "quality" || measure.name.find("quality") != std::string::npos)
        return fmt::format("{:.3f}", v);
    if (measure.unit == "share")
        return fmt::format("{:.3g} %", v * 100);
    if (measure.unit.empty() || measure.unit == "events")
        return fmt::format("{:g}{}", v, measure.unit.empty() ? "" : " events");
    return fmt::format("{:.3g} {}", v, measure.unit);
}

std::string limitHtml(const std::optional<double> &used)
{
    if (!used || !std::isfinite(*used))
        return "\u2013";
    const auto *style = *used > 1 ? "over" : *used > 0.9 ? "near" : "";
    return fmt::format("<span class='bar'><i class='{}' style='width:{:.0f}%'></i></span>{:.0f} %",
                       style, std::clamp(*used, 0.0, 1.0) * 100, *used * 100);
}

std::string seconds(const std::optional<double> &value)
{
    return value ? fmt::format("{:.1f} s", *value) : std::string("\u2013");
}

class Page
{
public:
    explicit Page(const ReportInput &input) : m_input(input), m_verdict(input.state.verdict())
    {
        if (auto drill = fromCanonicalJson(input.state.run.drill))
            m_drill = std::move(*drill);
        m_zero = m_verdict.marks.inject.value_or(0);
    }

    std::string html()
    {
        const auto title =
            m_drill && !m_drill->title.empty() ? m_drill->title : m_input.state.run.runId;
        m_out = "<!DOCTYPE html>\n<html lang='en'><head><meta charset='utf-8'>"
                "<meta name='viewport' content='width=device-width'>"
                "<meta http-equiv='Content-Security-Policy' content=\"default-src 'none'; "
                "style-src 'unsafe-inline'\"><title>"
                + escapeHtml(title) + "</title><style>";
        m_out += kStyle;
        m_out += "</style></head><body><main>";
        head(title);
        verdict();
        measures();
        m_out += "<section><h2>What happened</h2>" + reportCharts(m_input, m_verdict)
                 + "<p class='muted'>A break in a line is a gap: nothing was measured there. "
                   "Percentiles of a second come from all its requests, never from averages.</p>"
                   "</section>";
        timeline();
        facts();
        definitions();
        m_out += "</main></body></html>\n";
        return std::move(m_out);
    }

private:
    void head(const std::string &title)
    {
        const auto &run = m_input.state.run;
        m_out += "<header><h1>" + escapeHtml(title);
        if (run.synthetic)
            m_out += "<span class='chip warn'>synthetic</span>";
        if (!m_input.closed)
            m_out += "<span class='chip warn'>recording not closed</span>";
        m_out += "</h1>";
        if (m_drill && !m_drill->description.empty())
            m_out += "<p>" + escapeHtml(m_drill->description) + "</p>";
        m_out += "<p class='muted'>Shop " + escapeHtml(run.shop) + ", "
                 + escapeHtml(run.application) + ", " + escapeHtml(wallText(run.wall)) + ", seed "
                 + std::to_string(run.seed);
        if (run.synthetic)
            m_out += ". The shop is synthetic: its numbers say how the drill went, not how a real "
                     "shop would do";
        m_out += "</p></header>";
    }

    void verdict()
    {
        const auto look = lookOf(m_verdict.word);
        m_out += fmt::format("<section><p class='word {}'><svg viewBox='0 0 20 20' fill='none' "
                             "stroke='currentColor' stroke-width='1.8' stroke-linecap='round' "
                             "aria-hidden='true'>{}</svg>{}</p>",
                             look.style, look.icon, name(m_verdict.word));
        if (!m_verdict.sentence.empty())
            m_out += "<p class='lead'>" + escapeHtml(m_verdict.sentence) + "</p>";
        if (!m_verdict.reason.empty())
            m_out += "<p>" + escapeHtml(m_verdict.reason) + "</p>";
        m_out += fmt::format("<p class='muted'>Inject {}, undo {}. Recovery {}, detected after {}, "
                             "undone within {}. {} of {} requests failed, {} late.</p></section>",
                             m_verdict.injectConfirmed ? "confirmed" : "not confirmed",
                             m_verdict.undoVerified ? "verified" : "not verified",
                             seconds(m_verdict.rtoSeconds), seconds(m_verdict.detectSeconds),
                             seconds(m_verdict.undoSeconds), m_verdict.failed, m_verdict.requests,
                             m_verdict.late);
    }

    void measures()
    {
        m_out += "<section><h2>Measures</h2><table><tr><th>Measure</th><th>Rule</th><th "
                 "class='n'>Measured</th><th class='n'>Worst window</th><th>Limit "
                 "used</th><th>Verdict</th><th>Detail</th></tr>";
        for (const auto &measure : m_verdict.measures)
            m_out += "<tr><td>" + escapeHtml(measure.name) + "</td><td>" + escapeHtml(measure.rule)
                     + "</td><td class='n'>" + escapeHtml(valueText(measure.value, measure))
                     + "</td><td class='n'>" + escapeHtml(valueText(measure.worst, measure))
                     + "</td><td>" + limitHtml(measure.limitUsed) + "</td><td>"
                     + wordHtml(measure.verdict) + "</td><td class='muted'>"
                     + escapeHtml(measure.detail) + "</td></tr>";
        if (m_verdict.measures.empty())
            m_out += "<tr><td colspan='7' class='muted'>Nothing was judged.</td></tr>";
        m_out += "</table></section>";
    }

    void timeline()
    {
        m_out += "<section><h2>Timeline</h2><table><tr><th class='n'>"
                 + std::string(m_verdict.marks.inject ? "From inject" : "From start")
                 + "</th><th>Kind</th><th>Event</th></tr>";
        std::size_t rows = 0, left = 0;
        for (const auto &event : m_input.events) {
            if (std::holds_alternative<HostStalled>(event.payload))
                continue; // counted below
            if (++rows > kMostRows) {
                ++left;
                continue;
            }
            const auto at = happenedAt(event.payload);
            const auto t =
                at && m_input.state.run.start != 0 ? *at - m_input.state.run.start : event.t;
            m_out += "<tr><td class='n'>" + timeText(t, m_zero) + "</td><td class='muted'>"
                     + std::string(kindName(event.payload)) + "</td><td>"
                     + escapeHtml(describe(event.payload)) + "</td></tr>";
        }
        m_out += "</table>";
        if (left > 0)
            m_out += fmt::format("<p class='muted'>{} more events are in the recording.</p>", left);
        if (m_input.state.stalls > 0)
            m_out += fmt::format("<p class='muted'>The host stalled {} times for more than 20 ms; "
                                 "windows it touched cannot start an excursion.</p>",
                                 m_input.state.stalls);
        m_out += "</section>";
    }

    void fact(std::string_view what, const std::string &value, bool isMono = false)
    {
        if (!value.empty())
            m_out += fmt::format("<dt>{}</dt><dd{}>{}</dd>", what, isMono ? " class='mono'" : "",
                                 escapeHtml(value));
    }

    void facts()
    {
        const auto &run = m_input.state.run;
        m_out += "<section><h2>Where this comes from</h2><dl>";
        fact("Recording", m_input.file);
        fact("Seal", m_input.sealSentence);
        fact("Signer", m_input.signer, true);
        fact("Run", run.runId, true);
        fact("Drill SHA-256", run.drillHash, true);
        fact("State SHA-256", hex(m_input.state.hash()), true);
        fact("Reference model", run.reference, true);
        fact("Build", run.build);
        std::string off;
        for (const auto &response : run.switchedOff)
            off += (off.empty() ? "" : ", ") + response;
        fact("Switched off", off);
        m_out += "</dl></section>";
    }

    void definitions()
    {
        static constexpr std::pair<std::string_view, std::string_view> kAll[] = {
            {"inject", "the instant the fault was applied; valid only if its effect was confirmed "
                       "within 2 s"},
            {"impact", "start of the first two 1 s windows in a row with an indicator outside its "
                       "rule"},
            {"steady", "end of the last such excursion after which none occurs during the hold"},
            {"clear", "the fault was removed, and that was confirmed"},
            {"RTO", "steady minus impact, the longest of all episodes; a fault that was absorbed "
                    "has RTO 0"},
            {"budget", "failed and late requests over all requests, from inject to the end of the "
                       "run"},
            {"failed, late", "failed: an error, or no answer by 1 s; late: answered after the "
                             "deadline"},
            {"quality", "what the answers earned over what the reference model earns on exactly "
                        "the same requests; a failed request earns 0"},
            {"RPO", "acknowledged events that cannot be recovered"}};
        m_out += "<section><h2>Definitions</h2><dl>";
        for (const auto &[word, meaning] : kAll)
            m_out += fmt::format("<dt>{}</dt><dd>{}</dd>", word, meaning);
        m_out += "</dl></section>";
    }

    const ReportInput &m_input;
    const Verdict m_verdict;
    std::optional<Drill> m_drill;
    std::int64_t m_zero = 0;
    std::string m_out;
};

} // namespace

std::vector<std::string> reportSeries()
{
    std::vector<std::string> names;
    for (const auto name :
         {series::kP50, series::kP95, series::kP99, series::kAnswered, series::kFailed,
          series::kLate, series::kEarned, series::kExpected, series::kPathPrimary,
          series::kPathStandby, series::kPathPopularity, series::kPathCached})
        names.emplace_back(name);
    return names;
}

std::string escapeHtml(std::string_view text)
{
    std::string out;
    out.reserve(text.size());
    for (const char c : text) {
        switch (c) {
        case '&':
            out += "&amp;";
            break;
        case '<':
            out += "&lt;";
            break;
        case '>':
            out += "&gt;";
            break;
        case '"':
            out += "&quot;";
            break;
        case '\'':
            out += "&#39;";
            break;
        default:
            if (static_cast<unsigned char>(c) >= 0x20 || c == '\n' || c == '\t')
                out += c;
        }
    }
    return out;
}

std::string reportHtml(const ReportInput &input)
{
    return Page(input).html();
}

} // namespace engine
