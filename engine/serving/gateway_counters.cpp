#include "engine/serving/gateway_counters.h"

#include <utility>

namespace engine {
namespace {

using Counters = GatewayCounters;

constexpr std::pair<const char *, Counters::Count Counters::*> kSeries[] = {
    {"gateway.self.requests", &Counters::requests},
    {"gateway.self.failed", &Counters::failed},
    {"gateway.self.retries", &Counters::retries},
    {"gateway.self.retries.refused", &Counters::retriesRefused},
    {"gateway.self.hedges", &Counters::hedges},
    {"gateway.self.hedges.won", &Counters::hedgesWon},
    {"gateway.self.hedges.refused", &Counters::hedgesRefused},
    {"gateway.self.ejected", &Counters::ejected},
    {"gateway.self.breaker.opened", &Counters::breakerOpened},
    {"gateway.self.breaker.skipped", &Counters::breakerSkipped},
    {"gateway.self.probes.missed", &Counters::probesMissed},
    {"gateway.self.fallback", &Counters::fallback},
    {"gateway.self.standby", &Counters::standby},
    {"gateway.self.store.missed", &Counters::storeMissed},
    {"gateway.self.deadline.refused", &Counters::outOfTime},
    {"gateway.self.cancelled", &Counters::cancelled},
    {"gateway.self.throttled", &Counters::throttled},
    {"gateway.self.queue.waited", &Counters::queueWaited},
    {"gateway.self.queue.dropped", &Counters::queueDropped},
    {"gateway.self.queue.refused", &Counters::queueRefused},
    {"gateway.self.priority.evicted", &Counters::queueEvicted},
    {"gateway.self.cache.fresh", &Counters::cacheFresh},
    {"gateway.self.cache.shared", &Counters::cacheShared},
    {"gateway.self.cache.stale", &Counters::cacheStale},
    {"gateway.self.canary.requests", &Counters::canaryRequests},
    {"gateway.self.canary.rolled-back", &Counters::canaryRolledBack},
    {"gateway.self.discovery.changed", &Counters::discoveryChanged},
    {"gateway.self.discovery.kept", &Counters::discoveryKept},
    {"gateway.self.settings.taken", &Counters::settingsTaken},
    {"gateway.self.settings.refused", &Counters::settingsRefused},
};

} // namespace

void GatewayCounters::addLatency(double millis)
{
    const std::lock_guard lock(m_mutex);
    m_latency.add(millis);
}

Window GatewayCounters::take(std::int64_t end)
{
    Window window;
    window.source = "gateway";
    window.end = end;
    const std::lock_guard lock(m_mutex);
    for (const auto &[name, counter] : kSeries) {
        const auto count = (this->*counter).exchange(0);
        window.samples.push_back({name, static_cast<double>(count)});
        m_totals[name] += count;
    }
    if (m_latency.count() > 0)
        window.sketches.push_back({"gateway.self.latency", m_latency.encode()});
    m_latency.clear();
    return window;
}

std::map<std::string, std::uint64_t> GatewayCounters::totals() const
{
    const std::lock_guard lock(m_mutex);
    auto out = m_totals;
    for (const auto &[name, counter] : kSeries)
        out[name] += (this->*counter).load();
    return out;
}

} // namespace engine
