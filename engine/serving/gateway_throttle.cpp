#include "engine/serving/gateway_throttle.h"

#include <algorithm>

namespace engine {

Throttle::Slot &Throttle::slot(MonoTime now)
{
    const auto index =
        now.count() / std::max<std::int64_t>(1, m_rules.span.count() / std::int64_t{kSlots});
    auto &found = m_slots[static_cast<std::size_t>(index) % kSlots];
    if (found.index != index)
        found = {index, 0, 0};
    return found;
}

bool Throttle::refuses(MonoTime now)
{
    const auto p = share(now);
    const bool refused = p > 0 && m_random.uniform() < p;
    slot(now).asked += refused;
    return refused;
}

void Throttle::ended(bool accepted, MonoTime now)
{
    auto &at = slot(now);
    ++at.asked;
    at.accepted += accepted;
}

double Throttle::share(MonoTime now)
{
    const auto newest = slot(now).index;
    double asked = 0, accepted = 0;
    for (const auto &entry : m_slots) {
        if (entry.index <= newest - std::int64_t{kSlots})
            continue;
        asked += entry.asked;
        accepted += entry.accepted;
    }
    return std::max(0.0, (asked - m_rules.k * accepted) / (asked + 1));
}

} // namespace engine
