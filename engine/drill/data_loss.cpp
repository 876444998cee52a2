#include "engine/drill/data_loss.h"

#include <algorithm>
#include <cmath>

namespace engine {
namespace {

constexpr std::int64_t kSecond = 1'000'000;
/// An answer that was on its way when the store died still counts as acknowledged.
constexpr std::int64_t kOnItsWay = 200'000;
/// A row holds a window that is up to 300 ms old (contracts 2.4): of the store before the loss.
constexpr std::int64_t kStale = 500'000;
constexpr std::size_t kMostMarks = 600;

bool isCount(double value)
{
    return value >= 0 && value <= 9e15; // NaN is not
}

} // namespace

void DataLoss::row(std::int64_t t, double acked, double opened)
{
    if (isCount(acked) && (!m_lostAt || t <= *m_lostAt + kOnItsWay)) {
        if (acked > m_acked && (m_history.empty() || t >= m_history.back().t + kSecond)) {
            if (m_history.size() == kMostMarks)
                m_history.erase(m_history.begin());
            m_history.push_back({t, acked});
        }
        m_acked = std::max(m_acked, acked);
    }
    if (m_lostAt && !m_opened && t > *m_lostAt + kStale && isCount(opened))
        m_opened = opened;
}

void DataLoss::lost(std::int64_t at)
{
    if (!m_lostAt)
        m_lostAt = at;
}

std::optional<DataLoss::Cost> DataLoss::cost() const
{
    if (!m_lostAt || !m_opened || m_acked <= 0)
        return {};
    Cost cost;
    cost.events = std::max(0.0, m_acked - *m_opened);
    if (cost.events <= 0)
        return cost;
    // Back to the newest moment from which everything is there.
    auto since = m_history.empty() ? *m_lostAt : m_history.front().t - kSecond;
    for (const auto &mark : m_history)
        if (mark.acked <= *m_opened)
            since = mark.t;
    cost.seconds = static_cast<double>(*m_lostAt - std::max<std::int64_t>(0, since)) / 1e6;
    return cost;
}

} // namespace engine
