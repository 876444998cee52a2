#pragma once
// The circuit breaker of one replica: when most tries fail, requests stop going there.

#include "engine/serving/gateway_options.h"

#include <array>

namespace engine {

/// Opens at >= errorShare failures over >= requests tries in `span`; while open, one try per
/// `probeEvery` is let through, and `closeAfter` answers in a row close it. Not thread-safe: the
/// gateway's lock guards it.
class Breaker
{
public:
    explicit Breaker(const BreakerRules &rules) : m_rules(rules) {}

    void setRules(const BreakerRules &rules) { m_rules = rules; }
    /// Whether a request may go there now; a probe is counted as taken.
    [[nodiscard]] bool admits(MonoTime now);
    void answered(MonoTime now, bool good);
    [[nodiscard]] bool isOpen() const { return m_open; }
    void reset();

private:
    static constexpr std::size_t kSlots = 20;
    struct Slot
    {
        std::int64_t index = -1;
        int good = 0, bad = 0;
    };
    Slot &slot(MonoTime now);

    BreakerRules m_rules;
    std::array<Slot, kSlots> m_slots{};
    bool m_open = false;
    MonoTime m_nextProbe{0};
    int m_inARow = 0;
};

} // namespace engine
