#include "engine/serving/traffic_ledger.h"

#include <algorithm>

namespace engine {
namespace {

double millis(Micros span)
{
    return static_cast<double>(span.count()) / 1000;
}

} // namespace

TrafficLedger::TrafficLedger(MonoTime start, Micros deadline, std::vector<double> latencyLimits)
    : m_deadline(deadline), m_limits(std::move(latencyLimits)),
      m_begin(MonoTime{start.count() / kWindow.count() * kWindow.count()})
{
    for (const auto limit : m_limits)
        m_limitNames.push_back(slowSeries(limit));
}

TrafficLedger::Bucket &TrafficLedger::bucket(MonoTime t)
{
    const auto index = std::max<std::int64_t>(0, (t - m_begin) / kWindow);
    while (m_buckets.size() <= static_cast<std::size_t>(index))
        m_buckets.emplace_back().slow.resize(m_limits.size());
    return m_buckets[static_cast<std::size_t>(index)];
}

void TrafficLedger::due(MonoTime scheduled)
{
    const std::lock_guard lock(m_mutex);
    ++bucket(scheduled).due;
    ++m_open;
}

void TrafficLedger::sent(MonoTime scheduled, MonoTime when)
{
    const std::lock_guard lock(m_mutex);
    bucket(scheduled).lag.add(millis(std::max(Micros{0}, when - scheduled)));
}

void TrafficLedger::answered(const TrafficAnswer &answer)
{
    const std::lock_guard lock(m_mutex);
    auto &to = bucket(answer.ended);
    const auto latency = answer.ended - answer.scheduled;
    --m_open;
    ++to.answered;
    to.expected += answer.expected;
    if (answer.failed) {
        ++to.failed;
        return;
    }
    to.late += latency > m_deadline;
    for (std::size_t i = 0; i < m_limits.size(); ++i)
        to.slow[i] += millis(latency) > m_limits[i];
    to.latency.add(millis(latency));
    to.earned += answer.earned;
    to.ndcg += answer.ndcg;
    ++to.paths[static_cast<std::size_t>(answer.path)];
}

void TrafficLedger::appended(bool good, std::uint64_t seq, MonoTime now)
{
    const std::lock_guard lock(m_mutex);
    if (good && now >= m_begin) { // by its own time: a loss is measured against it
        auto &at = bucket(now);
        at.ackedSeq = std::max(at.ackedSeq, seq);
    }
    auto &to = bucket(m_begin);
    ++(good ? to.appended : to.notAppended);
}

std::vector<Window> TrafficLedger::take(MonoTime upTo)
{
    std::vector<Window> out;
    const std::lock_guard lock(m_mutex);
    while (m_begin + kWindow <= upTo) {
        out.push_back(window(bucket(m_begin), m_begin + kWindow));
        m_buckets.pop_front();
        m_begin += kWindow;
    }
    return out;
}

MonoTime TrafficLedger::nextEnd() const
{
    const std::lock_guard lock(m_mutex);
    return m_begin + kWindow;
}

std::uint64_t TrafficLedger::open() const
{
    const std::lock_guard lock(m_mutex);
    return m_open;
}

Window TrafficLedger::window(const Bucket &from, MonoTime end) const
{
    Window out;
    out.source = "traffic";
    out.end = end.count();
    const auto add = [&](std::string_view name, double value) {
        out.samples.push_back({std::string(name), value});
    };
    const auto count = [&](std::string_view name, std::uint64_t value) {
        add(name, static_cast<double>(value));
    };
    count(series::kRequests, from.due);
    count(series::kAnswered, from.answered);
    count(series::kFailed, from.failed);
    count(series::kLate, from.late);
    for (std::size_t i = 0; i < m_limits.size(); ++i)
        count(m_limitNames[i], from.slow[i]);
    add(series::kEarned, from.earned);
    add(series::kExpected, from.expected);
    count(series::kPathPrimary, from.paths[static_cast<std::size_t>(ServingPath::Primary)]);
    count(series::kPathStandby, from.paths[static_cast<std::size_t>(ServingPath::Standby)]);
    count(series::kPathPopularity, from.paths[static_cast<std::size_t>(ServingPath::Popularity)]);
    count(series::kPathCached, from.paths[static_cast<std::size_t>(ServingPath::Cached)]);
    count("traffic.appended", from.appended);
    count("traffic.append.missed", from.notAppended);
    if (from.ackedSeq > 0)
        count("traffic.acked.seq", from.ackedSeq);
    add(series::kTrafficLag, from.lag.count() > 0 ? from.lag.quantile(0.99) : 0);
    if (from.expected > 0)
        add(series::kQuality, from.earned / from.expected);
    if (from.answered > 0)
        add(series::kNdcg, from.ndcg / static_cast<double>(from.answered));
    if (from.latency.count() > 0) {
        add(series::kP50, from.latency.quantile(0.50));
        add(series::kP95, from.latency.quantile(0.95));
        add(series::kP99, from.latency.quantile(0.99));
        out.sketches.push_back({"gateway.latency", from.latency.encode()});
    }
    return out;
}

} // namespace engine
