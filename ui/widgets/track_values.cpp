#include "ui/widgets/track_values.h"

#include <QCoreApplication>

#include <algorithm>
#include <cmath>

namespace ui {

namespace {

struct Words
{
    Q_DECLARE_TR_FUNCTIONS(Tracks)
};

QString tr(const char *text)
{
    return Words::tr(text);
}

double largest(const std::vector<double> &values, double atLeast)
{
    for (const double value : values)
        if (!std::isnan(value))
            atLeast = std::max(atLeast, value);
    return atLeast;
}

double smallest(const std::vector<double> &values, double atMost)
{
    for (const double value : values)
        if (!std::isnan(value))
            atMost = std::min(atMost, value);
    return atMost;
}

/// 1, 2, 4 or 5 times a power of ten, at or above.
double niceAbove(double value)
{
    const double decade = std::pow(10.0, std::floor(std::log10(value)));
    for (const double factor : {1.0, 2.0, 4.0, 5.0, 10.0})
        if (value <= factor * decade * 1.0001)
            return factor * decade;
    return 10 * decade;
}

void linearTicks(TrackValues &values, int steps)
{
    for (int i = 0; i <= steps; ++i)
        values.ticks.push_back(values.low + (values.high - values.low) * i / steps);
}

TrackValues latency(const TrackData &data, const RunFacts &facts)
{
    TrackValues values;
    values.y = {data.p99, data.p95, data.p50};
    const double limit = facts.limits.p99Millis.value_or(10);
    const double high = largest(data.p99, limit) * 1.4;
    const double low = std::max(0.05, smallest(data.p50, limit) * 0.7);
    values.low = std::pow(10.0, std::floor(std::log10(low)));
    values.high = std::max(values.low * 100, high);
    for (double tick = values.low; tick <= values.high; tick *= 10)
        values.ticks.push_back(tick);
    values.tickDecimals = values.low < 0.5 ? 1 : 0;
    values.limit = facts.limits.p99Millis;
    if (values.limit)
        values.note = tr("limit p99 %1").arg(numberText(*values.limit, 0));
    return values;
}

TrackValues failed(const TrackData &data, const RunFacts &facts)
{
    TrackValues values;
    values.y = {data.late, data.failed};
    values.low = 0;
    values.high = niceAbove(largest(data.failed, largest(data.late, 1.0)) * 1.08);
    linearTicks(values, 2);
    values.tickDecimals = values.high < 2 ? 1 : 0;
    if (facts.limits.budgetShare)
        values.note = tr("budget %1 %").arg(numberText(100 * *facts.limits.budgetShare, 1));
    return values;
}

TrackValues quality(const TrackData &data, const RunFacts &facts, bool synthetic)
{
    TrackValues values;
    const double floor = facts.limits.qualityFloor.value_or(0.97);
    double lowest = floor, highest = 1.0;
    values.y = {data.quality};
    values.y.insert(values.y.end(), data.qualityOf.begin(), data.qualityOf.end());
    for (const auto &curve : values.y) {
        lowest = std::min(lowest, smallest(curve, floor));
        highest = std::max(highest, largest(curve, 1.0));
    }
    const double span = std::max(0.03, highest - lowest);
    const double step = niceAbove(span / 2.2);
    values.low = std::max(0.0, std::floor((lowest - span * 0.15) / (step / 2)) * (step / 2));
    values.high = highest + span * 0.15;
    for (double tick = std::ceil(values.low / step - 1e-9) * step; tick <= values.high;
         tick += step)
        values.ticks.push_back(tick);
    values.tickDecimals = step < 0.1 ? 2 : 1;
    values.band = std::pair{0.995, std::min(values.high, 1.005)};
    values.limit = facts.limits.qualityFloor;
    if (values.limit)
        values.limitText = tr("floor %1").arg(numberText(*values.limit, 3));
    values.note = synthetic ? tr("synthetic shop") : tr("paired, live");
    return values;
}

TrackValues requests(const TrackData &data, const RunFacts &facts)
{
    TrackValues values;
    values.y = {data.primary, data.standby, data.popularity, data.cached};
    double high = std::max(10.0, facts.limits.rate * 1.1);
    for (std::size_t i = 0; i < data.x.size(); ++i) {
        const double sum = data.primary[i] + data.standby[i] + data.popularity[i] + data.cached[i];
        if (!std::isnan(sum))
            high = std::max(high, sum * 1.05);
    }
    values.low = 0;
    values.high = niceAbove(high);
    if (values.high > high * 1.6)
        values.high *= 0.75;
    linearTicks(values, 2);
    if (facts.limits.rate > 0)
        values.note = tr("offered %1").arg(numberText(facts.limits.rate, 0));
    return values;
}

QString sentence(const TrackSpec &spec, const TrackValues &values)
{
    QString text = spec.title + QStringLiteral(": ");
    for (std::size_t i = 0; i < spec.curves.size(); ++i) {
        if (values.y[i].empty())
            continue;
        if (i)
            text += QStringLiteral(", ");
        text += spec.curves[i].name + QLatin1Char(' ')
                + numberText(values.now[i], spec.curves[i].decimals);
    }
    return text + QLatin1Char(' ') + spec.unit;
}

} // namespace

std::array<TrackSpec, TrackCount> trackSpecs()
{
    return {TrackSpec{tr("Latency"),
                      tr("ms, log scale"),
                      QStringLiteral("latencyChart"),
                      true,
                      false,
                      false,
                      {{tr("p99"), P99, 1.7, 0, 0},
                       {tr("p95"), P95, 1.2, 0, 0},
                       {tr("p50"), P50, 1.2, 0, 0}}},
            TrackSpec{
                tr("Failed and late"),
                tr("% of requests"),
                QStringLiteral("failedChart"),
                false,
                false,
                false,
                {{tr("late"), LateShare, 1.2, 0.26, 2}, {tr("failed"), FailedShare, 1.2, 0.26, 2}}},
            TrackSpec{tr("Quality"),
                      tr("earned / expected"),
                      QStringLiteral("qualityChart"),
                      false,
                      false,
                      true,
                      {{tr("quality"), Quality, 1.6, 0, 3},
                       {tr("recommend"), PrimaryPath, 1.2, 0, 3},
                       {tr("search"), StandbyPath, 1.2, 0, 3},
                       {tr("ads"), LateShare, 1.2, 0, 3},
                       {tr("inventory"), PopularityPath, 1.2, 0, 3}}},
            TrackSpec{tr("Requests/s"),
                      tr("by serving path"),
                      QStringLiteral("requestsChart"),
                      false,
                      true,
                      false,
                      {{tr("primary"), PrimaryPath, 1.2, 0.4, 0},
                       {tr("standby"), StandbyPath, 1.2, 0.4, 0},
                       {tr("popularity"), PopularityPath, 1.2, 0.4, 0},
                       {tr("cached"), CachedPath, 1.2, 0.4, 0}}}};
}

std::array<TrackValues, TrackCount> trackValues(const TrackData &data, const RunFacts &facts,
                                                double at, bool synthetic)
{
    std::array<TrackValues, TrackCount> tracks{latency(data, facts), failed(data, facts),
                                               quality(data, facts, synthetic),
                                               requests(data, facts)};
    const auto specs = trackSpecs();
    const double reach = std::max(1.0, 2 * data.binSeconds);
    for (std::size_t i = 0; i < TrackCount; ++i) {
        tracks[i].x = data.x;
        for (const auto &curve : tracks[i].y)
            tracks[i].now.push_back(valueAt(data.x, curve, at, reach));
        tracks[i].sentence = sentence(specs[i], tracks[i]);
    }
    return tracks;
}

} // namespace ui
