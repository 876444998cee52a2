#include "engine/serving/gateway_counters.h"

#include <utility>

namespace engine {

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
    const auto count = [&](std::string name, std::atomic<std::uint64_t> &counter) {
        window.samples.push_back({std::move(name), static_cast<double>(counter.exchange(0))});
    };
    count("gateway.self.requests", requests);
    count("gateway.self.failed", failed);
    count("gateway.self.retries", retries);
    count("gateway.self.retries.refused", retriesRefused);
    count("gateway.self.hedges", hedges);
    count("gateway.self.ejected", ejected);
    count("gateway.self.fallback", fallback);
    count("gateway.self.store.missed", storeMissed);
    count("gateway.self.breaker.skipped", breakerSkipped);
    const std::lock_guard lock(m_mutex);
    if (m_latency.count() > 0)
        window.sketches.push_back({"gateway.self.latency", m_latency.encode()});
    m_latency.clear();
    return window;
}

} // namespace engine
