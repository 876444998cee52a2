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
        : m_most(most), m_ratio(ratio), m_tokens(start)
    {
    }
    void earn();
    /// Takes a token; false when there is none: then no further try.
    [[nodiscard]] bool spend();
    [[nodiscard]] double tokens() const;
    void setRatio(double ratio);

private:
    const double m_most;
    mutable std::mutex m_mutex; ///< guards what follows
    double m_ratio, m_tokens;
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
    void setRange(Micros low, Micros high);

private:
    static constexpr std::uint64_t kStream = 0x52455452; // "RETR"
    std::mutex m_mutex;                                  ///< guards what follows
    Micros m_low, m_high;
    Random m_random;
};

} // namespace engine
