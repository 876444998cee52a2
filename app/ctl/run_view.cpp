#include "app/ctl/run_view.h"

#include "app/ctl/output.h"
#include "engine/metrics/window.h"

#include <cmath>
#include <fmt/format.h>

namespace ctl {
namespace {

double reading(const engine::RunState &state, std::string_view series)
{
    const auto found = state.row.find(std::string(series));
    return found == state.row.end() ? std::nan("") : static_cast<double>(found->second);
}

std::string number(double value, const char *format)
{
    return std::isnan(value) ? "–" : fmt::format(fmt::runtime(format), value);
}

std::string clockText(std::int64_t micros)
{
    const auto seconds = std::abs(micros) / 1'000'000;
    return fmt::format("{}{}:{:02}", micros < 0 ? "−" : "", seconds / 60, seconds % 60);
}

std::string markText(const char *name, const std::optional<std::int64_t> &mark,
                     const std::optional<std::int64_t> &inject)
{
    if (!mark)
        return {};
    const auto from = inject.value_or(0);
    return fmt::format("  {} {:+.1f} s", name, static_cast<double>(*mark - from) / 1e6);
}

} // namespace

std::string liveLine(const engine::RunState &state)
{
    const double answered = reading(state, engine::series::kAnswered);
    const double failed = reading(state, engine::series::kFailed);
    const double share = answered > 0 ? 100 * failed / answered : std::nan("");
    std::string line =
        fmt::format("{:>6}  {}/s  p99 {} ms  failed {} %  quality {}", clockText(state.t),
                    number(10 * reading(state, engine::series::kRequests), "{:.0f}"),
                    number(reading(state, engine::series::kP99), "{:.0f}"), number(share, "{:.1f}"),
                    number(reading(state, engine::series::kQuality), "{:.3f}"));
    for (const auto &[id, fault] : state.faults)
        if (!fault.undone)
            line += fmt::format("  {} {} {}", fault.last.fault, fault.last.target,
                                engine::name(fault.last.state));
    for (const auto &response : state.responses)
        if (!response.to && response.from > state.t - 10'000'000)
            line += fmt::format("  {} {}", response.first.kind, response.first.target);
    if (state.halted)
        line += "  HALTED";
    return line;
}

std::string valueText(std::optional<double> value, const std::string &unit)
{
    if (!value)
        return "–";
    if (unit == "share")
        return fmt::format("{:.3g} %", 100 * *value);
    if (unit == "s" || unit == "ms")
        return fmt::format("{:.3g} {}", *value, unit);
    if (unit == "events")
        return fmt::format("{:.0f}", *value);
    return fmt::format("{:.4g}", *value);
}

std::string verdictText(const engine::Verdict &verdict, bool synthetic)
{
    std::string text =
        fmt::format("\n{}{}\n", engine::name(verdict.word), synthetic ? "  (synthetic shop)" : "");
    if (!verdict.sentence.empty())
        text += verdict.sentence + "\n";
    if (!verdict.reason.empty())
        text += verdict.reason + "\n";
    const auto &marks = verdict.marks;
    if (marks.inject) {
        text += fmt::format("inject at {:.1f} s", static_cast<double>(*marks.inject) / 1e6);
        text += markText("impact", marks.impact, marks.inject)
                + markText("detect", marks.detect, marks.inject)
                + markText("acknowledge", marks.acknowledge, marks.inject)
                + markText("mitigate", marks.mitigate, marks.inject)
                + markText("clear", marks.clear, marks.inject)
                + markText("steady", marks.steady, marks.inject) + "\n";
    }
    Table table({"Measure", "Rule", "Measured", "Limit used", "Verdict", ""},
                {false, false, true, true, false, false});
    for (const auto &measure : verdict.measures)
        table.row({measure.name, measure.rule, valueText(measure.value, measure.unit),
                   measure.limitUsed ? fmt::format("{:.0f} %", 100 * *measure.limitUsed) : "",
                   std::string(engine::name(measure.verdict)), measure.detail});
    if (!verdict.measures.empty())
        text += "\n" + table.text();
    return text;
}

} // namespace ctl
