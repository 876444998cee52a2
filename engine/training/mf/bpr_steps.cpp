#include "engine/training/mf/bpr_steps.h"

#include "engine/scoring/lanes.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace engine {
namespace {

/// Triples between asking for the rows of one and using them.
constexpr std::size_t kAhead = 8;

/// 1 / (1 + e^x) from a table over [-8, 8], linear in between: error below 2e-6, far below the
/// noise of a drawn step.
class Sigmoid
{
public:
    Sigmoid()
    {
        for (std::size_t i = 0; i < m_table.size(); ++i)
            m_table[i] =
                static_cast<float>(1.0 / (1.0 + std::exp(-8.0 + static_cast<double>(i) / 128.0)));
    }
    [[nodiscard]] float ofMinus(float x) const
    {
        const float at = (std::clamp(x, -8.0f, 8.0f) + 8.0f) * 128.0f;
        const auto i = std::min(static_cast<std::size_t>(at), kSteps - 1);
        return m_table[i] + (at - static_cast<float>(i)) * (m_table[i + 1] - m_table[i]);
    }

private:
    static constexpr std::size_t kSteps = 2048;
    std::array<float, kSteps + 1> m_table{};
};

DRILLROOM_INLINE void stepBody(float *u, float *i, float *j, std::size_t width, float rate,
                               float decay, const Sigmoid &sigmoid)
{
    Lanes even = {}, odd = {};
    for (std::size_t k = 0; k < width; k += 2 * kLaneCount) {
        const auto next = k + kLaneCount;
        even += lanesAt(u + k) * (lanesAt(i + k) - lanesAt(j + k));
        odd += lanesAt(u + next) * (lanesAt(i + next) - lanesAt(j + next));
    }
    even += odd;
    const float step = rate * sigmoid.ofMinus(sumOfLanes(even));
    for (std::size_t k = 0; k < width; k += kLaneCount) {
        const Lanes a = lanesAt(u + k), b = lanesAt(i + k), c = lanesAt(j + k);
        const Lanes lift = step * a;
        lanesAt(u + k) = decay * a + step * (b - c);
        lanesAt(i + k) = decay * b + lift;
        lanesAt(j + k) = decay * c - lift;
    }
}

/// `kWidth` is the width where it is known, so that the loops unroll, or 0.
template <std::size_t kWidth>
DRILLROOM_INLINE void stepsBody(const BprFactors &factors, std::span<const BprTriple> triples,
                                const Sigmoid &sigmoid)
{
    const std::size_t width = kWidth > 0 ? kWidth : factors.width;
    const auto row = [width](float *rows, std::uint32_t at) __attribute__((always_inline))
    {
        return rows + std::size_t{at} * width;
    };
    const auto ask = [&](std::size_t t) __attribute__((always_inline))
    {
        if (t == 0 || triples[t].shopper != triples[t - 1].shopper)
            prefetchRow(row(factors.shoppers, triples[t].shopper), width);
        prefetchRow(row(factors.items, triples[t].taken), width);
        prefetchRow(row(factors.items, triples[t].other), width);
    };
    for (std::size_t t = 0; t < std::min(kAhead, triples.size()); ++t)
        ask(t);
    for (std::size_t t = 0; t < triples.size(); ++t) {
        if (t + kAhead < triples.size())
            ask(t + kAhead);
        const auto &triple = triples[t];
        stepBody(row(factors.shoppers, triple.shopper), row(factors.items, triple.taken),
                 row(factors.items, triple.other), width, factors.rate, factors.decay, sigmoid);
    }
}

void stepsPlain(const BprFactors &factors, std::span<const BprTriple> triples,
                const Sigmoid &sigmoid)
{
    stepsBody<0>(factors, triples, sigmoid);
}
DRILLROOM_WIDE void stepsWide(const BprFactors &factors, std::span<const BprTriple> triples,
                              const Sigmoid &sigmoid)
{
    stepsBody<0>(factors, triples, sigmoid);
}
DRILLROOM_WIDE void stepsWide64(const BprFactors &factors, std::span<const BprTriple> triples,
                                const Sigmoid &sigmoid)
{
    stepsBody<64>(factors, triples, sigmoid);
}

} // namespace

void takeSteps(const BprFactors &factors, std::span<const BprTriple> triples)
{
    static const Sigmoid sigmoid;
    if (!hasWide())
        stepsPlain(factors, triples, sigmoid);
    else if (factors.width == 64)
        stepsWide64(factors, triples, sigmoid);
    else
        stepsWide(factors, triples, sigmoid);
}

} // namespace engine
