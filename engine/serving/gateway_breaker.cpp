#include "engine/serving/gateway_breaker.h"

namespace engine {

Breaker::Slot &Breaker::slot(MonoTime now)
{
    const auto width = std::max<std::int64_t>(1, m_rules.span.count() / std::int64_t{kSlots});
    const auto index = now.count() / width;
    auto &found = m_slots[static_cast<std::size_t>(index) % kSlots];
    if (found.index != index)
        found = {index, 0, 0};
    return found;
}

bool Breaker::admits(MonoTime now)
{
    if (!m_open)
        return true;
    if (now < m_nextProbe)
        return false;
    m_nextProbe = now + m_rules.probeEvery;
    return true;
}

void Breaker::answered(MonoTime now, bool good)
{
    if (m_open) {
        m_inARow = good ? m_inARow + 1 : 0;
        if (m_inARow >= m_rules.closeAfter)
            reset();
        return;
    }
    auto &at = slot(now);
    (good ? at.good : at.bad) += 1;
    if (good)
        return;
    int all = 0, bad = 0;
    for (const auto &entry : m_slots) {
        if (entry.index <= at.index - std::int64_t{kSlots})
            continue;
        all += entry.good + entry.bad;
        bad += entry.bad;
    }
    if (all >= m_rules.requests && bad >= m_rules.errorShare * all) {
        m_open = true;
        m_inARow = 0;
        m_nextProbe = now + m_rules.probeEvery;
    }
}

void Breaker::reset()
{
    m_slots = {};
    m_open = false;
    m_inARow = 0;
}

} // namespace engine
