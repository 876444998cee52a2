#pragma once
// When the next request is due and which row of the trace it asks, from the seed alone.

#include "engine/base/clock.h"
#include "engine/base/random.h"
#include "engine/drill/drill.h"

#include <vector>

namespace engine {

/// An open loop: arrivals do not wait for answers. The first request is due at `start`. The trace
/// is read in a shuffled order, every row once per pass. One thread.
class TrafficSchedule
{
public:
    TrafficSchedule(Arrivals arrivals, double rate, std::uint64_t seed, MonoTime start,
                    std::size_t rows);
    [[nodiscard]] MonoTime due() const { return m_due; }
    [[nodiscard]] std::size_t row() const { return m_order[m_at]; }
    /// To the next request; the row stays when the last one was none of this trace's.
    void advance(bool row = true);
    /// From `now` on; the wait for the next request shrinks or grows with it.
    void setRate(double rate, MonoTime now);

private:
    void shuffle();
    const Arrivals m_arrivals;
    double m_gap; ///< mean microseconds between requests
    const MonoTime m_start;
    double m_elapsed = 0; ///< microseconds since m_start
    Random m_gaps, m_rows;
    std::vector<std::uint32_t> m_order;
    std::size_t m_at = 0;
    MonoTime m_due;
};

} // namespace engine
