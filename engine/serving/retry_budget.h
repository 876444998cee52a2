#pragma once
// Keeps second tries from becoming a storm: a token bucket that requests fill and tries empty.

#include "engine/base/clock.h"
#include "engine/base/random.h"

#include <mutex>

namespace engine {

/// Every request pays in `ratio` tokens, every extra try takes one; a full bucket holds `most`.
/// (gRPC's retryThrottling and Finagle's RetryBudget are the same idea.) Thread-safe.
class RetryBudget
{
public:
    RetryBudget(double ratio, double most, double start)
        : m_ratio(ratio), m_most(most), m_tokens(start)
    {
    }
    void earn();
    /// Takes a token; false when there is none: then no further try.
    [[nodiscard]] bool spend();
    [[nodiscard]] double tokens() const;

private:
    const double m_ratio, m_most;
    mutable std::mutex m_mutex; ///< guards m_tokens
    double m_tokens;
};

/// Waits of second tries: uniform in [low, high), so that tries which failed together do not come
/// back together. Thread-safe.
class RetryJitter
{
public:
    RetryJitter(std::uint64_t seed, Micros low, Micros high)
        : m_low(low), m_high(high), m_random(seed, kStream)
    {
    }
    [[nodiscard]] Micros next();

private:
    static constexpr std::uint64_t kStream = 0x52455452; // "RETR"
    const Micros m_low, m_high;
    std::mutex m_mutex; ///< guards m_random
    Random m_random;
};

} // namespace engine
