#include "engine/drill/gauge.h"

#include "engine/metrics/window.h"

#include <algorithm>
#include <cmath>

namespace engine {
namespace {

/// Contracts 3.3: so many at least, or chance alone rings.
constexpr double kLeastSlow = 5;
constexpr double kLeastFailed = 3;

bool isUpper(Compare compare)
{
    return compare == Compare::LessEqual || compare == Compare::Less;
}

Gauge::Kind kindOf(const Indicator &indicator)
{
    const std::string_view name = indicator.series;
    if (gatewayPercentile(name))
        return Gauge::Kind::Latency;
    if (name == series::kQuality)
        return Gauge::Kind::Quality;
    const bool counted = seriesInfo(name).fold == Fold::Sum;
    if (counted && name.starts_with("gateway.") && indicator.rule.unit == Unit::Share)
        return Gauge::Kind::Share;
    return counted ? Gauge::Kind::Count : Gauge::Kind::Level;
}

} // namespace

std::optional<double> gatewayPercentile(std::string_view name)
{
    if (name == series::kP50)
        return 0.50;
    if (name == series::kP95)
        return 0.95;
    if (name == series::kP99)
        return 0.99;
    return std::nullopt;
}

Gauge::Gauge(Indicator indicator) : m_indicator(std::move(indicator)), m_kind(kindOf(m_indicator))
{
    m_countSeries = m_indicator.series;
    if (m_kind == Kind::Latency) {
        m_countSeries = slowSeries(m_indicator.rule.value);
        m_slowShare = 1 - *gatewayPercentile(m_indicator.series);
    }
}

void Gauge::read(const RowView &row, double &count, double &level) const
{
    level = row.value(m_indicator.series);
    count = m_kind == Kind::Level || m_kind == Kind::Quality ? 0 : row.value(m_countSeries);
    if (!(count >= 0 && count <= 1e9))
        count = 0;
}

double Gauge::worse(double a, double b) const
{
    if (std::isnan(a))
        return b;
    if (std::isnan(b))
        return a;
    if (m_indicator.rule.compare == Compare::Equal)
        return m_indicator.rule.holds(a) ? b : a;
    return isUpper(m_indicator.rule.compare) ? std::max(a, b) : std::min(a, b);
}

double Gauge::reading(const Tally &tally, std::size_t index) const
{
    switch (m_kind) {
    case Kind::Latency:
    case Kind::Share:
        return tally.answered > 0 ? tally.counts[index] / tally.answered : kNoReading;
    case Kind::Quality:
        return tally.expected > 0 ? tally.earned / tally.expected : kNoReading;
    case Kind::Count:
        if (tally.rows == 0)
            return kNoReading;
        return m_indicator.rule.unit == Unit::PerSecond
                   ? tally.counts[index] * 10 / static_cast<double>(tally.rows)
                   : tally.counts[index];
    case Kind::Level:
        return tally.levels[index];
    }
    return kNoReading;
}

bool Gauge::isOutside(const Tally &tally, std::size_t index, double limit) const
{
    const bool upper = isUpper(m_indicator.rule.compare);
    if (m_kind == Kind::Latency && tally.counts[index] < kLeastSlow)
        return false;
    if (m_kind == Kind::Share && upper && tally.counts[index] < kLeastFailed)
        return false;
    return !holdsOver(tally, index, limit);
}

bool Gauge::holdsOver(const Tally &tally, std::size_t index, double limit) const
{
    const double value = reading(tally, index);
    if (std::isnan(value) || std::isnan(limit))
        return true;
    // Counts, not shares: 2 of 200 is not more than 1 %, whatever 1 - 0.99 rounds to.
    if (m_kind == Kind::Latency)
        return tally.counts[index] <= m_slowShare * tally.answered + 1e-9;
    Rule rule = m_indicator.rule;
    rule.value = limit;
    return rule.holds(value);
}

void add(Tally &tally, const RowCounts &row, const std::vector<Gauge> &gauges)
{
    tally.counts.resize(gauges.size(), 0);
    tally.levels.resize(gauges.size(), kNoReading);
    tally.requests += row.requests;
    tally.answered += row.answered;
    tally.failed += row.failed;
    tally.late += row.late;
    tally.earned += row.earned;
    tally.expected += row.expected;
    tally.primary += row.primary;
    ++tally.rows;
    for (std::size_t i = 0; i < gauges.size(); ++i) {
        tally.counts[i] += row.counts[i];
        tally.levels[i] = gauges[i].worse(tally.levels[i], row.levels[i]);
    }
}

} // namespace engine
