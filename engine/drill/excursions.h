#pragma once
// Impact, steady, episodes and RTO from 1 s windows (contracts 3.4, 3.6). Internal to the judge;
// a pure value, fed in time order.

#include "engine/base/bytes.h"

namespace engine {

inline constexpr std::int64_t kSecond = 1'000'000;

/// One 1 s window as the excursions see it.
struct JudgedWindow
{
    std::int64_t start = 0;    ///< us since t = 0
    std::uint32_t outside = 0; ///< one bit per indicator of the steady state
    bool masked = false;       ///< a host stall touched it
    bool loaded = false;       ///< requests were due or answered: it can speak for the hold
    double earned = 0, expected = 0;
    template <class A>
    void fields(A &a)
    {
        a(start);
        a(outside);
        a(masked);
        a(loaded);
        a(earned);
        a(expected);
    }
};

/// From the first of two outside windows in a row to the end of the last before a calm hold.
struct Episode
{
    std::int64_t impact = 0, end = 0;
    std::uint32_t outside = 0; ///< the indicators that were outside at its start
    [[nodiscard]] std::int64_t length() const { return end - impact; }
    template <class A>
    void fields(A &a)
    {
        a(impact);
        a(end);
        a(outside);
    }
};

class Excursions
{
public:
    void feed(const JudgedWindow &window, std::int64_t hold);

    /// Episodes begun, the open one included.
    [[nodiscard]] std::uint32_t episodes() const { return m_episodes; }
    [[nodiscard]] const std::optional<Episode> &first() const { return m_first; }
    /// The longest, the open one included.
    [[nodiscard]] std::optional<Episode> longest() const;
    /// Begun and its hold not finished.
    [[nodiscard]] const std::optional<Episode> &open() const { return m_open; }
    /// End of the last finished episode, if none is open.
    [[nodiscard]] std::optional<std::int64_t> steady() const;
    /// The newest window was outside and may yet become an excursion.
    [[nodiscard]] bool isPending() const { return m_candidate.has_value(); }
    /// End of the newest window with load; 0 before.
    [[nodiscard]] std::int64_t observedTo() const { return m_observedTo; }

    template <class A>
    void fields(A &a)
    {
        a(m_candidate);
        a(m_candidateOutside);
        a(m_inExcursion);
        a(m_open);
        a(m_first);
        a(m_longest);
        a(m_steady);
        a(m_episodes);
        a(m_observedTo);
    }

private:
    void begin(std::int64_t impact, std::uint32_t outside, std::int64_t end);

    std::optional<std::int64_t> m_candidate;
    std::uint32_t m_candidateOutside = 0;
    bool m_inExcursion = false;
    std::optional<Episode> m_open, m_first, m_longest;
    std::optional<std::int64_t> m_steady;
    std::uint32_t m_episodes = 0;
    std::int64_t m_observedTo = 0;
};

} // namespace engine
