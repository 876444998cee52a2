#include "engine/base/random.h"

#include "engine/base/exact_math.h"

#include <array>

namespace engine {
namespace {

std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter, std::uint64_t key)
{
    constexpr std::uint64_t m0 = 0xD2511F53, m1 = 0xCD9E8D57;
    auto k0 = static_cast<std::uint32_t>(key);
    auto k1 = static_cast<std::uint32_t>(key >> 32);
    for (int round = 0; round < 10; ++round) {
        const std::uint64_t p0 = m0 * counter[0];
        const std::uint64_t p1 = m1 * counter[2];
        counter = {
            static_cast<std::uint32_t>(p1 >> 32) ^ counter[1] ^ k0, static_cast<std::uint32_t>(p1),
            static_cast<std::uint32_t>(p0 >> 32) ^ counter[3] ^ k1, static_cast<std::uint32_t>(p0)};
        k0 += 0x9E3779B9;
        k1 += 0xBB67AE85;
    }
    return counter;
}

} // namespace

std::uint64_t Random::bits()
{
    const auto index = m_index++;
    const auto out =
        philox({static_cast<std::uint32_t>(index), static_cast<std::uint32_t>(index >> 32),
                static_cast<std::uint32_t>(m_stream), static_cast<std::uint32_t>(m_stream >> 32)},
               m_seed);
    return (std::uint64_t{out[1]} << 32) | out[0];
}

double Random::uniform()
{
    return static_cast<double>(bits() >> 11) * 0x1.0p-53;
}

std::uint64_t Random::below(std::uint64_t n)
{
    __extension__ using Wide = unsigned __int128;
    return static_cast<std::uint64_t>((static_cast<Wide>(bits()) * n) >> 64);
}

double Random::normal()
{
    const double radius = exact::sqrt(-2.0 * exact::log(1.0 - uniform()));
    return radius * exact::cos2pi(uniform());
}

double Random::exponential()
{
    return -exact::log(1.0 - uniform());
}

} // namespace engine
