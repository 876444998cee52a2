#include "engine/drill/monitor.h"

#include <algorithm>
#include <cmath>

namespace engine {
namespace {

constexpr std::int64_t kSecondMicros = 1'000'000;
/// Contracts 2.4: a source's window counts while it is at most so old.
constexpr std::int64_t kPatience = 300'000;
constexpr std::size_t kMostOpen = 100;

Compare opposite(Compare compare)
{
    switch (compare) {
    case Compare::LessEqual:
        return Compare::Greater;
    case Compare::Less:
        return Compare::GreaterEqual;
    case Compare::GreaterEqual:
        return Compare::Less;
    case Compare::Greater:
        return Compare::LessEqual;
    case Compare::Equal:
        return Compare::Equal;
    }
    return compare;
}

Indicator kept(std::string series, Rule rule)
{
    rule.compare = opposite(rule.compare);
    return {series, series, rule, {}};
}

} // namespace

RuleWatch::RuleWatch(std::string series, Rule rule, Micros forTime)
    : m_gauge{Gauge(kept(std::move(series), rule))},
      m_needed(std::max<std::int64_t>(1, (forTime.count() + kSecondMicros - 1) / kSecondMicros))
{
}

void RuleWatch::apply(const RowView &row)
{
    const auto second = (row.t - 1) / kSecondMicros;
    if (second != m_second) {
        if (m_tally.rows > 0) {
            const auto &gauge = m_gauge.front();
            const bool silent = m_tally.requests > 0 && m_tally.answered <= 0
                                && gauge.indicator().series == series::kFailed;
            const bool holds = silent || gauge.isOutside(m_tally, 0, gauge.indicator().rule.value);
            m_held = holds ? m_held + 1 : 0;
        }
        m_tally = {};
        m_second = second;
    }
    RowCounts counts;
    counts.t = row.t;
    const auto value = [&row](std::string_view name) {
        const double read = row.value(name);
        return std::isnan(read) ? 0.0 : read;
    };
    counts.requests = value(series::kRequests);
    counts.answered = value(series::kAnswered);
    counts.earned = value(series::kEarned);
    counts.expected = value(series::kExpected);
    double count = 0, level = kNoReading;
    m_gauge.front().read(row, count, level);
    counts.counts = {count};
    counts.levels = {level};
    add(m_tally, counts, m_gauge);
}

std::size_t Monitor::watch(std::string series, Rule rule, Micros forTime)
{
    m_watches.emplace_back(std::move(series), rule, forTime);
    return m_watches.size() - 1;
}

void Monitor::apply(const Payload &payload, MonoTime now)
{
    m_judge.apply(Event{++m_seq, now.count() - m_start, payload});
}

void Monitor::apply(const Window &window)
{
    const auto end = window.end - m_start;
    if (end <= m_closed || (m_open.size() >= kMostOpen && !m_open.contains(end)))
        return;
    auto &row = m_open[end];
    for (const auto &sample : window.samples)
        row.series[sample.series] = sample.value;
    row.hasTraffic = row.hasTraffic || window.source == "traffic";
    row.hasAgent = row.hasAgent || window.source == "agent";
}

void Monitor::advance(MonoTime now)
{
    while (!m_open.empty()) {
        const auto &[end, row] = *m_open.begin();
        const bool isWhole = row.hasTraffic && row.hasAgent;
        if (!isWhole && now.count() - m_start < end + kPatience)
            return;
        close(end, row);
        m_open.erase(m_open.begin());
    }
}

void Monitor::close(std::int64_t end, const Open &row)
{
    m_closed = end;
    std::vector<std::string> names;
    std::vector<float> values;
    for (const auto &[name, value] : row.series) {
        names.push_back(name);
        values.push_back(static_cast<float>(value));
    }
    const RowView view{end, names, values};
    m_judge.apply(view);
    for (auto &each : m_watches)
        each.apply(view);
}

} // namespace engine
