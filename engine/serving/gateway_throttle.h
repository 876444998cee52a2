#pragma once
// Client-side adaptive throttling: when the replicas refuse for overload, the gateway refuses part
// of the requests by itself, so that saying no costs the replicas nothing.

#include "engine/base/random.h"
#include "engine/serving/gateway_options.h"

#include <array>

namespace engine {

/// p = max(0, (asked - k * accepted) / (asked + 1)) over the last `span` (Google SRE book,
/// "Handling Overload"). Not thread-safe: the gateway's lock guards it.
class Throttle
{
public:
    Throttle(const ThrottleRules &rules, std::uint64_t seed) : m_rules(rules), m_random(seed, 0x54)
    {
    }
    void setRules(const ThrottleRules &rules) { m_rules = rules; }
    /// Whether this request is to be refused; one that is counts as asked.
    [[nodiscard]] bool refuses(MonoTime now);
    /// A replica took a request (whatever came of it), or refused it for overload. Only now does it
    /// count: requests that still run say nothing.
    void ended(bool accepted, MonoTime now);
    [[nodiscard]] double share(MonoTime now);

private:
    static constexpr std::size_t kSlots = 20;
    struct Slot
    {
        std::int64_t index = -1;
        int asked = 0, accepted = 0;
    };
    Slot &slot(MonoTime now);

    ThrottleRules m_rules;
    Random m_random;
    std::array<Slot, kSlots> m_slots{};
};

} // namespace engine
