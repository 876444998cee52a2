#include "engine/training/demand/forecast_file.h"

#include "engine/data/output_file.h"
#include <algorithm>
#include <charconv>
#include <limits>
#include <unordered_map>

namespace engine {
namespace {

constexpr float kNone = std::numeric_limits<float>::quiet_NaN();

std::string numberText(double value)
{
    char text[40];
    const auto end =
        std::to_chars(text, text + sizeof text, value, std::chars_format::general, 7).ptr;
    return {text, end};
}

/// RFC 4180: quoted when it must be.
std::string field(const std::string &text)
{
    if (text.find_first_of(",\"\n\r") == std::string::npos)
        return text;
    std::string out = "\"";
    for (const char c : text) {
        out += c;
        if (c == '"')
            out += '"';
    }
    return out + '"';
}

SeriesHistory historyOf(const DemandSeries &series)
{
    return {series.id, series.first, series.values, series.columns};
}

Error halted()
{
    return {ErrorCode::Halted, "Stopped; nothing was written", {}};
}

} // namespace

std::int64_t lastPeriod(const DemandTable &table)
{
    auto last = std::numeric_limits<std::int64_t>::min();
    for (const auto &series : table.series)
        last = std::max(last, series.first + static_cast<std::int64_t>(series.values.size()) - 1);
    return last;
}

void joinHistory(DemandTable &asked, const DemandTable &history, const DemandSchema &schema,
                 std::int64_t origin)
{
    const auto width = schema.columns.size();
    std::unordered_map<std::string_view, const DemandSeries *> known;
    for (const auto &series : history.series)
        known.emplace(series.id, &series);
    for (auto &series : asked.series) {
        const auto at = known.find(series.id);
        std::vector<float> plan(series.columns.end()
                                    - static_cast<std::ptrdiff_t>(series.plan * width),
                                series.columns.end());
        if (at == known.end()) {
            ++asked.notes["series without a history"];
            series.first = origin + 1;
            series.values.clear();
            series.columns = std::move(plan);
            continue;
        }
        const auto &past = *at->second;
        const auto length = std::max<std::int64_t>(0, origin + 1 - past.first);
        series.first = std::min(past.first, origin + 1);
        series.values = past.values;
        series.values.resize(static_cast<std::size_t>(length), schema.missingIsZero ? 0.0f : kNone);
        series.columns = past.columns;
        series.columns.resize(static_cast<std::size_t>(length) * width, kNone);
        // What never changes is known from either side.
        for (std::size_t c = 0; c < width; ++c) {
            if (!schema.columns[c].isStatic || length == 0)
                continue;
            const float last = series.columns[(static_cast<std::size_t>(length) - 1) * width + c];
            for (std::size_t i = 0; i < series.plan; ++i) {
                auto &cell = plan[i * width + c];
                if (cell != cell)
                    cell = last;
            }
        }
        series.columns.insert(series.columns.end(), plan.begin(), plan.end());
    }
}

Result<> judge(const Forecaster &model, const DemandTable &table, DemandScores &scores,
               TrainMonitor &monitor)
{
    for (std::size_t s = 0; s < table.series.size(); ++s) {
        const auto &series = table.series[s];
        if (monitor.stop().stop_requested())
            return tl::unexpected(halted());
        std::size_t last = 0;
        for (std::size_t i = 0; i < series.plan; ++i)
            last = series.actual[i] == series.actual[i] ? i + 1 : last;
        if (last == 0)
            continue;
        const auto forecasts =
            model.forecast(historyOf(series),
                           static_cast<int>(std::min<std::size_t>(last, Forecaster::kMostHorizon)),
                           DemandScores::kLevels);
        if (!forecasts)
            return tl::unexpected(forecasts.error());
        scores.begin(series.values);
        for (std::size_t i = 0; i < forecasts->size(); ++i) {
            if (series.actual[i] == series.actual[i])
                scores.add(static_cast<double>(series.actual[i]), (*forecasts)[i]);
        }
        scores.end();
        if (s % 64 == 0)
            monitor.progress("Judging series " + std::to_string(s + 1),
                             static_cast<double>(s) / static_cast<double>(table.series.size()));
    }
    return {};
}

Result<std::uint64_t> writeForecasts(const Forecaster &model, const DemandTable &table,
                                     const ForecastOrder &order, TrainMonitor &monitor)
{
    static constexpr std::array<double, 3> kLevels{0.1, 0.5, 0.9};
    auto out = OutputFile::open(order.out);
    if (!out)
        return tl::unexpected(out.error());
    std::uint64_t lines = 0;
    const bool writesPoint = order.point != ForecastOrder::Point::None;
    const bool isRelative = order.point == ForecastOrder::Point::Relative;
    std::string text =
        std::string("series,time,p10,p50,p90,mean") + (writesPoint ? ",point\n" : "\n");
    for (std::size_t s = 0; s < table.series.size(); ++s) {
        const auto &series = table.series[s];
        std::size_t steps = static_cast<std::size_t>(order.horizon);
        for (std::size_t i = 0; i < series.plan; ++i)
            steps = series.asked[i] != 0 ? std::max(steps, i + 1) : steps;
        if (steps == 0)
            continue;
        if (monitor.stop().stop_requested())
            return tl::unexpected(halted());
        const auto forecasts = model.forecast(
            historyOf(series),
            static_cast<int>(std::min<std::size_t>(steps, Forecaster::kMostHorizon + 1)), kLevels);
        if (!forecasts)
            return tl::unexpected(forecasts.error());
        const auto origin = series.first + static_cast<std::int64_t>(series.values.size()) - 1;
        for (std::size_t i = 0; i < forecasts->size(); ++i) {
            const auto &step = (*forecasts)[i];
            text +=
                field(series.id) + ',' + model.timeText(origin + 1 + static_cast<std::int64_t>(i));
            for (const double value :
                 {step.quantiles[0], step.quantiles[1], step.quantiles[2], step.mean})
                text += ',' + numberText(value);
            if (writesPoint)
                text += ',' + numberText(isRelative ? step.relative : step.root);
            text += '\n';
            ++lines;
        }
        DR_RETURN_IF_ERROR(out->write(text));
        text.clear();
        if (s % 64 == 0)
            monitor.progress("Forecasting series " + std::to_string(s + 1),
                             static_cast<double>(s) / static_cast<double>(table.series.size()));
    }
    DR_RETURN_IF_ERROR(out->write(text));
    DR_RETURN_IF_ERROR(out->commit());
    return lines;
}

} // namespace engine
