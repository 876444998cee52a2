#include "engine/report/report_charts.h"

#include "engine/metrics/window.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

namespace engine {
namespace {

constexpr double kWidth = 1080, kLeft = 178, kRight = 950, kTrack = 104, kPad = 22, kRuler = 40;
constexpr double kPerSecond = 10; ///< windows of 100 ms in a second

using Values = std::vector<double>;

struct Line
{
    std::string label, colour;
    Values values;
    double width = 1.2;
};

/// One chart: its place, its scale and what is drawn.
struct Track
{
    Track(std::string heading, std::string below)
        : title(std::move(heading)), unit(std::move(below))
    {
    }
    std::string title, unit, note;
    std::vector<Line> lines;
    bool isLog = false, isStacked = false, isFilled = false;
    double low = 0, high = 1;
    std::optional<double> limit;
    int decimals = 0;
};

const SeriesBins *find(const ReportInput &input, std::string_view name)
{
    for (const auto &series : input.series)
        if (series.name == name)
            return &series;
    return nullptr;
}

Values valuesOf(const ReportInput &input, std::string_view name, double factor = 1)
{
    Values out;
    if (const auto *series = find(input, name))
        for (const float value : series->mean)
            out.push_back(static_cast<double>(value) * factor);
    return out;
}

Values ratio(const Values &above, const Values &below, double factor)
{
    Values out(std::min(above.size(), below.size()), std::nan(""));
    for (std::size_t i = 0; i < out.size(); ++i)
        if (below[i] > 0)
            out[i] = above[i] / below[i] * factor;
    return out;
}

std::pair<double, double> extent(const std::vector<Line> &lines)
{
    double low = INFINITY, high = -INFINITY;
    for (const auto &line : lines)
        for (const double value : line.values)
            if (std::isfinite(value)) {
                low = std::min(low, value);
                high = std::max(high, value);
            }
    return low > high ? std::pair(0.0, 1.0) : std::pair(low, high);
}

/// The next of 1, 2, 5 times a power of ten at or above.
double niceUp(double value)
{
    if (!(value > 0))
        return 1;
    const double power = std::pow(10.0, std::floor(std::log10(value)));
    for (const double step : {1.0, 2.0, 5.0, 10.0})
        if (step * power >= value * (1 - 1e-9))
            return step * power;
    return 10 * power;
}

std::string number(double value, int decimals)
{
    auto text = fmt::format("{:.{}f}", value, decimals);
    if (text.starts_with('-'))
        text.replace(0, 1, "\u2212");
    return text;
}

class Chart
{
public:
    Chart(const ReportInput &input, const Verdict &verdict) : m_input(input), m_verdict(verdict)
    {
        std::size_t bins = 0;
        for (const auto &series : input.series)
            bins = std::max(bins, series.mean.size());
        m_from = input.from;
        m_to = input.from
               + std::max<std::int64_t>(static_cast<std::int64_t>(bins), 1) * input.binWidth;
        m_zero = verdict.marks.inject.value_or(0);
    }

    std::string draw(const std::vector<Track> &tracks)
    {
        const double bottom = kRuler + static_cast<double>(tracks.size()) * (kTrack + kPad);
        m_out = fmt::format("<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {} {:.0f}' "
                            "role='img' aria-label='{}'>",
                            kWidth, bottom + 26, escapeHtml(sentence(tracks)));
        band(bottom);
        double top = kRuler;
        for (const auto &track : tracks) {
            drawTrack(track, top);
            top += kTrack + kPad;
        }
        timeAxis(bottom);
        phases(bottom);
        m_out += "</svg>";
        return std::move(m_out);
    }

private:
    static std::string sentence(const std::vector<Track> &tracks)
    {
        std::string text = "Charts on one time axis:";
        for (const auto &track : tracks)
            text += " " + track.title + ";";
        return text;
    }

    double x(std::int64_t t) const
    {
        return kLeft
               + (kRight - kLeft) * static_cast<double>(t - m_from)
                     / static_cast<double>(m_to - m_from);
    }

    static double y(const Track &track, double value, double top)
    {
        double share = 0;
        if (track.isLog)
            share =
                std::log(std::max(value, track.low) / track.low) / std::log(track.high / track.low);
        else
            share = (value - track.low) / (track.high - track.low);
        return top + kTrack * (1 - std::clamp(share, 0.0, 1.0));
    }

    void text(double at, double y, std::string_view style, std::string_view content)
    {
        m_out += fmt::format("<text x='{:.1f}' y='{:.1f}' class='{}'>{}</text>", at, y, style,
                             escapeHtml(content));
    }

    void rule(double x1, double y1, double x2, double y2, std::string_view style)
    {
        m_out += fmt::format("<path d='M{:.1f} {:.1f}L{:.1f} {:.1f}' class='{}'/>", x1, y1, x2, y2,
                             style);
    }

    void band(double bottom)
    {
        if (!m_verdict.marks.inject)
            return;
        const double from = x(*m_verdict.marks.inject);
        const double to = x(std::min(m_verdict.marks.clear.value_or(m_to), m_to));
        m_out += fmt::format("<rect x='{:.1f}' y='{:.1f}' width='{:.1f}' height='{:.1f}' "
                             "class='band'/>",
                             from, kRuler, std::max(to - from, 1.0), bottom - kPad - kRuler);
    }

    double middle(std::size_t bin) const
    {
        return x(m_from + static_cast<std::int64_t>(bin) * m_input.binWidth + m_input.binWidth / 2);
    }

    /// Runs of bins that have a value; a single one is drawn as a dot.
    void drawLine(const Track &track, const Line &line, const Values &base, double top)
    {
        std::size_t i = 0;
        while (i < line.values.size()) {
            if (!std::isfinite(line.values[i])) {
                ++i;
                continue;
            }
            std::string path;
            const auto begin = i;
            for (; i < line.values.size() && std::isfinite(line.values[i]); ++i)
                path += fmt::format("{}{:.1f} {:.1f}", i == begin ? 'M' : 'L', middle(i),
                                    y(track, line.values[i], top));
            if (i - begin == 1) {
                m_out += fmt::format("<circle cx='{:.1f}' cy='{:.1f}' r='1.6' fill='{}'/>",
                                     middle(begin), y(track, line.values[begin], top), line.colour);
                continue;
            }
            if (track.isFilled || track.isStacked) {
                std::string area = path;
                for (auto j = i; j-- > begin;)
                    area += fmt::format(
                        "L{:.1f} {:.1f}", middle(j),
                        y(track, j < base.size() && std::isfinite(base[j]) ? base[j] : 0, top));
                m_out += fmt::format("<path d='{}Z' fill='{}' fill-opacity='{}'/>", area,
                                     line.colour, track.isStacked ? "0.4" : "0.26");
            }
            m_out += fmt::format(
                "<path d='{}' fill='none' stroke='{}' stroke-width='{}' stroke-linejoin='round'/>",
                path, line.colour, line.width);
        }
    }

    void grid(const Track &track, double top)
    {
        std::vector<double> marks;
        if (track.isLog)
            for (double decade = track.low; decade <= track.high * 1.001; decade *= 10)
                marks.push_back(decade);
        else
            marks = {track.low, (track.low + track.high) / 2, track.high};
        for (const double mark : marks) {
            rule(kLeft, y(track, mark, top), kRight, y(track, mark, top), "grid");
            text(kLeft - 8, y(track, mark, top) + 4, "axis end", number(mark, track.decimals));
        }
    }

    void labels(const Track &track, double top)
    {
        struct Label
        {
            double at;
            const Line *line;
            double value;
        };
        std::vector<Label> all;
        Values sum;
        for (const auto &line : track.lines) {
            double last = std::nan("");
            for (const double value : line.values)
                last = std::isfinite(value) ? value : last;
            all.push_back({std::isfinite(last) ? y(track, last, top) : top + kTrack, &line, last});
        }
        std::sort(all.begin(), all.end(), [](const auto &a, const auto &b) { return a.at < b.at; });
        double next = top + 4;
        for (auto &label : all) {
            label.at = std::max(label.at, next);
            next = label.at + 14;
        }
        double limit = top + kTrack + 4; // pushed back up from below
        for (auto it = all.rbegin(); it != all.rend(); ++it) {
            it->at = std::min(it->at, limit);
            limit = it->at - 14;
        }
        for (const auto &label : all) {
            m_out += fmt::format("<rect x='{}' y='{:.1f}' width='9' height='2.5' fill='{}'/>",
                                 kRight + 8, label.at - 1, label.line->colour);
            text(kRight + 22, label.at + 4, "label", label.line->label);
        }
    }

    void drawTrack(const Track &track, double top)
    {
        text(16, top + 12, "track", track.title);
        text(16, top + 28, "axis", track.unit);
        text(16, top + 43, "axis", track.note);
        grid(track, top);
        if (track.limit && *track.limit >= track.low)
            rule(kLeft, y(track, *track.limit, top), kRight, y(track, *track.limit, top), "limit");
        if (!track.isStacked) {
            for (auto it = track.lines.rbegin(); it != track.lines.rend(); ++it)
                drawLine(track, *it, {}, top);
        } else {
            Values base;
            for (auto line : track.lines) {
                for (std::size_t i = 0; i < line.values.size(); ++i)
                    if (i < base.size() && std::isfinite(base[i]))
                        line.values[i] += base[i];
                drawLine(track, line, base, top);
                base.resize(std::max(base.size(), line.values.size()));
                for (std::size_t i = 0; i < line.values.size(); ++i)
                    base[i] = std::isfinite(line.values[i]) ? line.values[i] : base[i];
            }
        }
        labels(track, top);
    }

    void timeAxis(double bottom)
    {
        const double span = static_cast<double>(m_to - m_from) / 1e6;
        const auto step = static_cast<std::int64_t>(std::max(niceUp(span / 10), 1.0) * 1e6);
        auto first = (m_from - m_zero) / step * step;
        for (auto t = first; m_zero + t <= m_to; t += step) {
            if (m_zero + t < m_from)
                continue;
            const double at = x(m_zero + t);
            rule(at, kRuler, at, bottom - kPad, "grid");
            text(at, bottom, "axis middle", t == 0 ? "0" : timeText(m_zero + t, m_zero));
        }
        text(16, bottom, "axis",
             m_verdict.marks.inject ? "time from inject" : "time from the first request");
    }

    void phases(double bottom)
    {
        struct Mark
        {
            std::string name;
            std::int64_t t;
            double label;
            bool isFault;
        };
        std::vector<Mark> marks;
        const auto add = [&](const char *name, const std::optional<std::int64_t> &t, bool isFault) {
            if (t && *t >= m_from && *t <= m_to)
                marks.push_back({name, *t, x(*t), isFault});
        };
        const auto &m = m_verdict.marks;
        add("inject", m.inject, true);
        add("impact", m.impact, false);
        add("detect", m.detect, false);
        add("acknowledge", m.acknowledge, false);
        add("mitigate", m.mitigate, false);
        add("clear", m.clear, true);
        add("steady", m.steady, false);
        std::stable_sort(marks.begin(), marks.end(),
                         [](const Mark &a, const Mark &b) { return a.t < b.t; });
        // Names never touch: 6.4 px a letter at this size; pushed right, then back from the edge.
        const auto half = [](const Mark &mark) {
            return static_cast<double>(mark.name.size()) * 3.2 + 5;
        };
        double next = kLeft - 60;
        for (auto &mark : marks) {
            mark.label = std::max(mark.label, next + half(mark));
            next = mark.label + half(mark);
        }
        double edge = kWidth - 4;
        for (auto it = marks.rbegin(); it != marks.rend(); ++it) {
            it->label = std::min(it->label, edge - half(*it));
            edge = it->label - half(*it);
        }
        for (const auto &mark : marks) {
            const double at = x(mark.t);
            rule(at, kRuler, at, bottom - kPad, mark.isFault ? "phase fault" : "phase");
            rule(mark.label, 18, at, kRuler, mark.isFault ? "leader fault" : "leader");
            text(mark.label, 13, mark.isFault ? "mark middle faulttext" : "mark middle", mark.name);
        }
    }

    const ReportInput &m_input;
    const Verdict &m_verdict;
    std::int64_t m_from = 0, m_to = 1, m_zero = 0;
    std::string m_out;
};

} // namespace

std::string timeText(std::int64_t t, std::int64_t zero)
{
    const double seconds = static_cast<double>(t - zero) / 1e6;
    const bool isWhole = std::abs(seconds - std::round(seconds)) < 0.05;
    return fmt::format("{}{:.{}f} s", seconds < 0 ? "\u2212" : "+", std::abs(seconds),
                       isWhole ? 0 : 1);
}

std::string reportCharts(const ReportInput &input, const Verdict &verdict)
{
    std::optional<Drill> drill;
    if (auto read = fromCanonicalJson(input.state.run.drill))
        drill = std::move(*read);
    const auto limitOf = [&](std::string_view series, Unit unit) -> std::optional<Rule> {
        if (drill)
            for (const auto &indicator : drill->steadyState)
                if (indicator.series == series && indicator.rule.unit == unit
                    && !indicator.rule.ofBaseline)
                    return indicator.rule;
        return std::nullopt;
    };

    Track latency("Latency", "ms, log scale");
    latency.isLog = true;
    latency.lines = {{"p99", "#8E6900", valuesOf(input, series::kP99), 1.6},
                     {"p95", "#00746B", valuesOf(input, series::kP95)},
                     {"p50", "#7E8998", valuesOf(input, series::kP50)}};
    const auto [low, high] = extent(latency.lines);
    latency.low = std::pow(10.0, std::floor(std::log10(std::max(low, 0.1))));
    latency.high = std::max(niceUp(high), latency.low * 10);
    if (const auto rule = limitOf(series::kP99, Unit::Millis)) {
        latency.limit = rule->value;
        latency.note = fmt::format("limit p99 {:g} ms", rule->value);
        latency.high = std::max(latency.high, niceUp(rule->value));
    }

    const auto answered = valuesOf(input, series::kAnswered);
    Track errors("Failed and late", "% of requests");
    errors.isFilled = true;
    errors.lines = {{"failed", "#7A2645", ratio(valuesOf(input, series::kFailed), answered, 100)},
                    {"late", "#4B4400", ratio(valuesOf(input, series::kLate), answered, 100)}};
    errors.high = std::max(niceUp(extent(errors.lines).second), 1.0);
    errors.decimals = errors.high < 5 ? 1 : 0;
    if (const auto rule = limitOf(series::kFailed, Unit::Share)) {
        errors.limit = rule->value * 100;
        errors.note = fmt::format("limit failed {:g} %", rule->value * 100);
    }

    Track quality("Quality", "earned / expected");
    quality.decimals = 2;
    quality.lines = {
        {"quality", "#00746B",
         ratio(valuesOf(input, series::kEarned), valuesOf(input, series::kExpected), 1), 1.6}};
    const auto [worst, best] = extent(quality.lines);
    quality.low = std::min(0.9, std::floor(worst * 10) / 10);
    quality.high = std::max(1.0, std::ceil(best * 20) / 20);
    for (const auto unit : {Unit::None, Unit::Share})
        if (const auto rule = limitOf(series::kQuality, unit)) {
            quality.limit = rule->value;
            quality.note = fmt::format("floor {:g}", rule->value);
        }

    Track paths("Requests/s", "by serving path");
    paths.isStacked = true;
    paths.lines = {{"primary", "#2A86E8", valuesOf(input, series::kPathPrimary, kPerSecond)},
                   {"standby", "#4A3589", valuesOf(input, series::kPathStandby, kPerSecond)},
                   {"popularity", "#B27D5E", valuesOf(input, series::kPathPopularity, kPerSecond)},
                   {"cached", "#7E8998", valuesOf(input, series::kPathCached, kPerSecond)}};
    std::erase_if(paths.lines, [](const Line &line) {
        return line.label != "primary"
               && std::none_of(line.values.begin(), line.values.end(),
                               [](double v) { return v > 0; });
    });
    Values total;
    for (const auto &line : paths.lines) {
        total.resize(std::max(total.size(), line.values.size()));
        for (std::size_t i = 0; i < line.values.size(); ++i)
            total[i] += std::isfinite(line.values[i]) ? line.values[i] : 0;
    }
    paths.high = niceUp(total.empty() ? 1 : *std::max_element(total.begin(), total.end()));
    if (drill)
        paths.note = fmt::format("offered {:g}", drill->load.rate);
    return Chart(input, verdict).draw({latency, errors, quality, paths});
}

} // namespace engine
