#include "ui/session/track_data.h"

#include "engine/base/clock.h"
#include "engine/metrics/window.h"
#include "ui/session/words.h"

#include <algorithm>
#include <cmath>

namespace ui {

namespace {

std::vector<double> meanOf(const engine::TimelineSnapshot &snapshot, std::string_view name,
                           std::size_t size)
{
    std::vector<double> values(size, kGap);
    if (const auto *bins = findSeries(snapshot, name))
        for (std::size_t i = 0; i < std::min(size, bins->mean.size()); ++i)
            values[i] = static_cast<double>(bins->mean[i]);
    return values;
}

/// "gateway.APP.what"
std::string applicationSeries(std::string_view application, std::string_view what)
{
    return "gateway." + std::string(application) + "." + std::string(what);
}

std::vector<double> ratio(const std::vector<double> &a, const std::vector<double> &b, double scale)
{
    std::vector<double> result(a.size(), kGap);
    for (std::size_t i = 0; i < a.size(); ++i)
        if (!std::isnan(a[i]) && b[i] > 0)
            result[i] = scale * a[i] / b[i];
    return result;
}

/// Mean over the trailing `width` bins; a gap stays a gap.
std::vector<double> trailing(const std::vector<double> &values, std::size_t width, double scale)
{
    std::vector<double> result(values.size(), kGap);
    for (std::size_t i = 0; i < values.size(); ++i) {
        if (std::isnan(values[i]))
            continue;
        double sum = 0;
        double count = 0;
        for (std::size_t back = 0; back < width && back <= i; ++back) {
            const double value = values[i - back];
            if (std::isnan(value))
                break;
            sum += value;
            count += 1;
        }
        result[i] = scale * sum / count;
    }
    return result;
}

} // namespace

const engine::SeriesBins *findSeries(const engine::TimelineSnapshot &snapshot,
                                     std::string_view name)
{
    for (const auto &bins : snapshot.series)
        if (bins.name == name)
            return &bins;
    return nullptr;
}

TrackData trackData(const engine::TimelineSnapshot &snapshot)
{
    TrackData data;
    data.from = toSeconds(snapshot.from);
    data.to = toSeconds(snapshot.to);
    data.binSeconds = std::max(0.001, toSeconds(snapshot.binWidth));
    std::size_t size = 0;
    for (const auto &bins : snapshot.series)
        size = std::max(size, bins.mean.size());
    data.x.resize(size);
    // A row at t covers the 100 ms before t; a bin's data is centred half a bin on, less half a
    // row.
    const double shift = (data.binSeconds - toSeconds(engine::kWindow.count())) / 2;
    for (std::size_t i = 0; i < size; ++i)
        data.x[i] = data.from + static_cast<double>(i) * data.binSeconds + shift;

    using namespace engine::series;
    const auto clamp = [](std::vector<double> values) {
        for (double &value : values)
            if (!std::isnan(value))
                value = std::max(value, 0.01); // a zero makes a whole log series vanish
        return values;
    };
    data.p99 = clamp(meanOf(snapshot, kP99, size));
    data.p95 = clamp(meanOf(snapshot, kP95, size));
    data.p50 = clamp(meanOf(snapshot, kP50, size));
    const auto answered = meanOf(snapshot, kAnswered, size);
    data.failed = ratio(meanOf(snapshot, kFailed, size), answered, 100.0);
    data.late = ratio(meanOf(snapshot, kLate, size), answered, 100.0);
    data.quality = ratio(meanOf(snapshot, kEarned, size), meanOf(snapshot, kExpected, size), 1.0);
    for (std::size_t i = 0; i < data.qualityOf.size(); ++i) {
        const auto name = engine::kApplicationNames[i];
        auto curve = ratio(meanOf(snapshot, applicationSeries(name, "earned"), size),
                           meanOf(snapshot, applicationSeries(name, "expected"), size), 1.0);
        if (!std::all_of(curve.begin(), curve.end(), [](double y) { return std::isnan(y); }))
            data.qualityOf[i] = std::move(curve);
    }
    const auto width = static_cast<std::size_t>(
        std::max(1.0, std::round(1.0 / data.binSeconds))); // rates are read over one second
    const double perSecond = 1e6 / static_cast<double>(engine::kWindow.count());
    const auto rate = [&](std::string_view name) {
        return trailing(meanOf(snapshot, name, size), width, perSecond);
    };
    data.primary = rate(kPathPrimary);
    data.standby = rate(kPathStandby);
    data.popularity = rate(kPathPopularity);
    data.cached = rate(kPathCached);
    return data;
}

std::vector<std::string> seriesFor(const engine::RunState &state)
{
    using namespace engine::series;
    std::vector<std::string> names;
    for (const auto name : {kP99, kP95, kP50, kRequests, kAnswered, kFailed, kLate, kEarned,
                            kExpected, kPathPrimary, kPathStandby, kPathPopularity, kPathCached})
        names.emplace_back(name);
    for (const auto application : engine::kApplicationNames)
        for (const char *what : {"earned", "expected"})
            names.push_back(applicationSeries(application, what));
    for (const auto &[target, process] : state.processes) {
        if (process.role == "replica" || process.role == "standby") {
            names.push_back(target + ".requests");
            names.push_back(target + ".latency.p99");
        }
    }
    return names;
}

double valueAt(const std::vector<double> &x, const std::vector<double> &y, double t, double reach)
{
    const auto after = std::upper_bound(x.begin(), x.end(), t);
    for (auto i = after - x.begin() - 1; i >= 0; --i) {
        const auto at = static_cast<std::size_t>(i);
        if (at >= y.size())
            continue;
        if (t - x[at] > reach)
            break;
        if (!std::isnan(y[at]))
            return y[at];
    }
    return kGap;
}

int binsFor(double spanSeconds, int most)
{
    static constexpr double kWidths[] = {0.1, 0.2, 0.5, 1,   2,   5,   10,
                                         30,  60,  120, 300, 600, 900, 3600};
    for (const double width : kWidths)
        if (spanSeconds / width <= most)
            return std::max(1, static_cast<int>(std::lround(spanSeconds / width)));
    return most;
}

int fineBinsFor(double spanSeconds)
{
    constexpr double kMinutes = 180;
    return binsFor(spanSeconds, spanSeconds > kMinutes ? 600 : 180);
}

} // namespace ui
