#include "engine/base/exact_math.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace engine::exact {
namespace {

constexpr double kLn2High = 0x1.62e42fee00000p-1; // low 33 bits zero: k * kLn2High is exact
constexpr double kLn2Low = 0x1.a39ef35793c76p-33;

double powerOfTwo(int exponent)
{
    // Two factors, so that subnormal results are reached without a table.
    const int half = exponent / 2;
    const auto factor = [](int e) {
        return std::bit_cast<double>(static_cast<std::uint64_t>(e + 1023) << 52);
    };
    return factor(half) * factor(exponent - half);
}

} // namespace

double exp(double x)
{
    if (x != x)
        return x;
    if (x > 709.78)
        return std::numeric_limits<double>::infinity();
    if (x < -745.0)
        return 0.0;
    const double k = std::floor(x * 1.4426950408889634 + 0.5);
    const double r = (x - k * kLn2High) - k * kLn2Low; // |r| <= 0.35
    double term = 1.0, sum = 1.0;
    for (int i = 1; i <= 17; ++i) { // 0.35^18 / 18! < 1e-24
        term = term * r / i;
        sum += term;
    }
    return sum * powerOfTwo(static_cast<int>(k));
}

double log(double x)
{
    if (x != x || x < 0.0)
        return std::numeric_limits<double>::quiet_NaN();
    if (x == 0.0)
        return -std::numeric_limits<double>::infinity();
    if (x == std::numeric_limits<double>::infinity())
        return x;
    int shift = 0;
    if (x < std::numeric_limits<double>::min()) {
        x *= 0x1.0p54;
        shift = -54;
    }
    const auto bits = std::bit_cast<std::uint64_t>(x);
    int exponent = static_cast<int>(bits >> 52) - 1023;
    double m = std::bit_cast<double>((bits & 0xFFFFFFFFFFFFFull) | 0x3FF0000000000000ull);
    if (m > 1.4142135623730951) {
        m *= 0.5;
        ++exponent;
    }
    // atanh series: log m = 2 (s + s^3/3 + ...), s = (m-1)/(m+1), |s| <= 0.1716
    const double s = (m - 1.0) / (m + 1.0);
    const double s2 = s * s;
    double sum = 0.0;
    for (int i = 25; i >= 1; i -= 2)
        sum = sum * s2 + 1.0 / i;
    const double e = exponent + shift;
    return e * kLn2High + (2.0 * s * sum + e * kLn2Low);
}

double log2(double x)
{
    return log(x) * 1.4426950408889634;
}

double pow(double x, double y)
{
    return exp(y * log(x));
}

double cos2pi(double t)
{
    t -= std::floor(t);
    double sign = 1.0;
    if (t > 0.5)
        t = 1.0 - t;
    if (t > 0.25) {
        t = 0.5 - t;
        sign = -1.0;
    }
    const double x = 6.283185307179586 * t; // in [0, pi/2]
    const double x2 = x * x;
    double term = 1.0, sum = 1.0;
    for (int i = 1; i <= 12; ++i) {
        term = -term * x2 / ((2.0 * i - 1.0) * (2.0 * i));
        sum += term;
    }
    return sign * sum;
}

double sqrt(double x)
{
    return std::sqrt(x);
}

} // namespace engine::exact
