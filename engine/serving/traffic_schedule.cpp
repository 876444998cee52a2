#include "engine/serving/traffic_schedule.h"

#include <cassert>
#include <numeric>
#include <utility>

namespace engine {
namespace {

constexpr std::uint64_t kGapStream = 0x47415053, kRowStream = 0x524F5753; // "GAPS", "ROWS"

} // namespace

TrafficSchedule::TrafficSchedule(Arrivals arrivals, double rate, std::uint64_t seed, MonoTime start,
                                 std::size_t rows)
    : m_arrivals(arrivals), m_gap(1e6 / rate), m_start(start), m_gaps(seed, kGapStream),
      m_rows(seed, kRowStream), m_order(rows), m_due(start)
{
    assert(rate > 0 && rows > 0);
    std::iota(m_order.begin(), m_order.end(), 0u);
    shuffle();
}

void TrafficSchedule::advance(bool row)
{
    m_elapsed += m_arrivals == Arrivals::Poisson ? m_gap * m_gaps.exponential() : m_gap;
    m_due = m_start + Micros{static_cast<std::int64_t>(m_elapsed)};
    if (row && ++m_at == m_order.size()) {
        m_at = 0;
        shuffle();
    }
}

void TrafficSchedule::setRate(double rate, MonoTime now)
{
    const auto gap = 1e6 / rate;
    // The rest of a Poisson wait is a Poisson wait; of a constant one, its share is left.
    const auto since = static_cast<double>((now - m_start).count());
    if (m_elapsed > since && now >= m_start) {
        m_elapsed = since + (m_elapsed - since) * gap / m_gap;
        m_due = m_start + Micros{static_cast<std::int64_t>(m_elapsed)};
    }
    m_gap = gap;
}

void TrafficSchedule::shuffle()
{
    for (auto left = m_order.size(); left > 1; --left)
        std::swap(m_order[left - 1], m_order[m_rows.below(left)]);
}

} // namespace engine
