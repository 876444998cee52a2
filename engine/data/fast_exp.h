#pragma once
// e^x in a form that the compiler turns into vector code; the same bits as scalar code on every
// machine. Relative error below 1e-13 for |x| <= 700; nothing is promised outside.

#include <bit>
#include <cstdint>

namespace engine {

[[nodiscard]] inline double fastExp(double x)
{
    // Adding 1.5 * 2^52 rounds to an integer and leaves it in the low bits.
    constexpr double kRound = 6755399441055744.0;
    const double shifted = x * 1.4426950408889634 + kRound;
    const double k = shifted - kRound;
    const double r = (x - k * 0x1.62e42fee00000p-1) - k * 0x1.a39ef35793c76p-33; // |r| <= .347
    double p = 1.0 / 479001600.0;
    p = p * r + 1.0 / 39916800.0;
    p = p * r + 1.0 / 3628800.0;
    p = p * r + 1.0 / 362880.0;
    p = p * r + 1.0 / 40320.0;
    p = p * r + 1.0 / 5040.0;
    p = p * r + 1.0 / 720.0;
    p = p * r + 1.0 / 120.0;
    p = p * r + 1.0 / 24.0;
    p = p * r + 1.0 / 6.0;
    p = p * r + 0.5;
    p = p * r + 1.0;
    p = p * r + 1.0;
    const auto exponent = std::bit_cast<std::uint64_t>(shifted) << 52;
    return std::bit_cast<double>(std::bit_cast<std::uint64_t>(p) + exponent);
}

} // namespace engine
