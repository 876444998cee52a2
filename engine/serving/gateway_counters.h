#pragma once
// What the gateway saw of itself in one window.

#include "engine/metrics/sketch.h"
#include "engine/metrics/window.h"

#include <atomic>
#include <mutex>

namespace engine {

/// Counts go up from any thread; take() empties them into a window. Latencies are ms from the
/// arrival of a request to its answer.
class GatewayCounters
{
public:
    std::atomic<std::uint64_t> requests{0}, failed{0}, retries{0}, hedges{0}, ejected{0},
        fallback{0}, retriesRefused{0}, storeMissed{0}, breakerSkipped{0};

    void addLatency(double millis);
    [[nodiscard]] Window take(std::int64_t end);

private:
    std::mutex m_mutex; ///< guards m_latency
    Sketch m_latency;
};

} // namespace engine
