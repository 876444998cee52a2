#include "engine/serving/node_counters.h"

#include <utility>

namespace engine {

void NodeCounters::answered(Micros took, bool ok)
{
    const std::scoped_lock lock(m_mutex);
    ++m_counts.requests;
    if (!ok)
        ++m_counts.failed;
    m_counts.latency.add(static_cast<double>(took.count()) / 1000.0);
}

NodeCounters::Counts NodeCounters::take()
{
    const std::scoped_lock lock(m_mutex);
    return std::exchange(m_counts, {});
}

} // namespace engine
