#pragma once
// What a serving node counts between two window boundaries.

#include "engine/base/clock.h"
#include "engine/metrics/sketch.h"
#include "engine/metrics/window.h"

#include <mutex>

namespace engine {

/// Thread-safe; one per node.
class NodeCounters
{
public:
    void answered(Micros took, bool ok);
    /// Numbers since the last call; resets them.
    struct Counts
    {
        std::uint64_t requests = 0, failed = 0;
        Sketch latency;
    };
    [[nodiscard]] Counts take();

private:
    std::mutex m_mutex; // m_counts
    Counts m_counts;
};

} // namespace engine
