#pragma once
// Chance as a pure function: a draw depends on (seed, stream, index) only, never on thread timing
// or platform.

#include <cstdint>

namespace engine {

/// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC'11), keyed by
/// seed and stream. Values are the same on every machine. Copyable; one thread per object.
class Random
{
public:
    Random(std::uint64_t seed, std::uint64_t stream, std::uint64_t index = 0)
        : m_seed(seed), m_stream(stream), m_index(index)
    {
    }

    /// 64 fresh bits; advances the index by one.
    std::uint64_t bits();
    /// In [0, 1), 53 bits.
    double uniform();
    /// In [0, n); n >= 1. Unbiased to 2^-64.
    std::uint64_t below(std::uint64_t n);
    /// Standard normal (Box-Muller through exact_math, so the same bytes everywhere).
    double normal();
    /// Exponential with mean 1.
    double exponential();

private:
    std::uint64_t m_seed;
    std::uint64_t m_stream;
    std::uint64_t m_index;
};

} // namespace engine
