#pragma once
// What the gateway saw of itself in one window.

#include "engine/metrics/sketch.h"
#include "engine/metrics/window.h"

#include <atomic>
#include <map>
#include <mutex>

namespace engine {

/// Counts go up from any thread; take() empties them into a window. Latencies are ms from the
/// arrival of a request to its answer. Each mechanism has one of its own; names in the .cpp.
class GatewayCounters
{
public:
    using Count = std::atomic<std::uint64_t>;
    Count requests{0}, failed{0}, retries{0}, retriesRefused{0}, hedges{0}, hedgesWon{0},
        hedgesRefused{0}, ejected{0}, breakerOpened{0}, breakerSkipped{0}, probesMissed{0},
        fallback{0}, standby{0}, storeMissed{0}, outOfTime{0}, throttled{0}, queueWaited{0},
        queueDropped{0}, queueRefused{0}, queueEvicted{0}, cacheFresh{0}, cacheShared{0},
        cacheStale{0}, canaryRequests{0}, canaryRolledBack{0}, discoveryChanged{0},
        discoveryKept{0}, settingsTaken{0}, settingsRefused{0}, cancelled{0};

    void addLatency(double millis);
    [[nodiscard]] Window take(std::int64_t end);
    /// Since the start, by the series' name.
    [[nodiscard]] std::map<std::string, std::uint64_t> totals() const;

private:
    mutable std::mutex m_mutex; ///< guards what follows
    Sketch m_latency;
    std::map<std::string, std::uint64_t> m_totals; ///< of the windows taken
};

} // namespace engine
