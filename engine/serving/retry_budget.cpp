#include "engine/serving/retry_budget.h"

#include <algorithm>

namespace engine {

void RetryBudget::earn()
{
    const std::lock_guard lock(m_mutex);
    m_tokens = std::min(m_most, m_tokens + m_ratio);
}

bool RetryBudget::spend()
{
    const std::lock_guard lock(m_mutex);
    if (m_tokens < 1)
        return false;
    m_tokens -= 1;
    return true;
}

double RetryBudget::tokens() const
{
    const std::lock_guard lock(m_mutex);
    return m_tokens;
}

void RetryBudget::setRatio(double ratio)
{
    const std::lock_guard lock(m_mutex);
    m_ratio = ratio;
}

void RetryJitter::setRange(Micros low, Micros high)
{
    const std::lock_guard lock(m_mutex);
    m_low = low;
    m_high = high;
}

Micros RetryJitter::next()
{
    const std::lock_guard lock(m_mutex);
    return m_low
           + Micros{static_cast<std::int64_t>(static_cast<double>((m_high - m_low).count())
                                              * m_random.uniform())};
}

} // namespace engine
