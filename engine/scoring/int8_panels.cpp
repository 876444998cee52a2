#include "engine/scoring/int8_panels.h"

#include <algorithm>
#include <cassert>
#include <cmath>

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define DRILLROOM_HAS_WIDE 1
#else
#define DRILLROOM_HAS_WIDE 0
#endif

namespace engine {
namespace {

constexpr std::size_t kWidth = Int8Panels::kWidth;

void panelPlain(const std::int8_t *panel, const std::int16_t *shopper, std::size_t pairs,
                std::int32_t *sums)
{
    std::fill(sums, sums + kWidth, 0);
    for (std::size_t p = 0; p < pairs; ++p, panel += 2 * kWidth) {
        for (std::size_t j = 0; j < kWidth; ++j)
            sums[j] += panel[2 * j] * shopper[2 * p] + panel[2 * j + 1] * shopper[2 * p + 1];
    }
}

#if DRILLROOM_HAS_WIDE
__attribute__((target("avx2"))) void panelWide(const std::int8_t *panel,
                                               const std::int16_t *shopper, std::size_t pairs,
                                               std::int32_t *sums)
{
    auto low = _mm256_setzero_si256(), high = _mm256_setzero_si256();
    for (std::size_t p = 0; p < pairs; ++p, panel += 2 * kWidth) {
        const auto two =
            static_cast<std::uint32_t>(static_cast<std::uint16_t>(shopper[2 * p]))
            | static_cast<std::uint32_t>(static_cast<std::uint16_t>(shopper[2 * p + 1])) << 16;
        const auto weights = _mm256_set1_epi32(static_cast<int>(two));
        const auto *at = reinterpret_cast<const __m128i *>(panel);
        low = _mm256_add_epi32(
            low, _mm256_madd_epi16(_mm256_cvtepi8_epi16(_mm_loadu_si128(at)), weights));
        high = _mm256_add_epi32(
            high, _mm256_madd_epi16(_mm256_cvtepi8_epi16(_mm_loadu_si128(at + 1)), weights));
    }
    _mm256_storeu_si256(reinterpret_cast<__m256i *>(sums), low);
    _mm256_storeu_si256(reinterpret_cast<__m256i *>(sums + 8), high);
}
#endif

void panelProduct(const std::int8_t *panel, const std::int16_t *shopper, std::size_t pairs,
                  std::int32_t *sums)
{
#if DRILLROOM_HAS_WIDE
    static const bool isWide = __builtin_cpu_supports("avx2") != 0;
    if (isWide)
        return panelWide(panel, shopper, pairs, sums);
#endif
    panelPlain(panel, shopper, pairs, sums);
}

float largest(std::span<const float> row)
{
    float most = 0;
    for (const auto value : row)
        most = std::max(most, std::fabs(value));
    return most;
}

} // namespace

Int8Rows quantised(std::span<const float> rows, std::size_t width)
{
    Int8Rows out;
    out.bytes.resize(rows.size());
    for (std::size_t begin = 0; begin < rows.size(); begin += width) {
        const float most = largest(rows.subspan(begin, width));
        const float scale = most / 127.0f;
        out.scales.push_back(scale);
        for (std::size_t i = begin; i < begin + width; ++i)
            out.bytes[i] = static_cast<std::int8_t>(
                most > 0 ? std::lround(std::clamp(rows[i] / scale, -127.0f, 127.0f)) : 0);
    }
    return out;
}

Int8Panels::Int8Panels(std::span<const std::int8_t> rows, std::span<const float> scales,
                       std::size_t items, std::size_t factors)
    : m_factors(factors), m_pairs((factors + 1) / 2), m_panels((items + kWidth - 1) / kWidth),
      m_data(m_panels * m_pairs * kWidth * 2, 0), m_scales(m_panels * kWidth, 0.0f)
{
    assert(rows.size() == items * factors && scales.size() == items);
    std::copy(scales.begin(), scales.end(), m_scales.begin());
    for (std::size_t i = 0; i < items; ++i) {
        for (std::size_t k = 0; k < factors; ++k)
            m_data[(((i / kWidth) * m_pairs + k / 2) * kWidth + i % kWidth) * 2 + k % 2] =
                rows[i * factors + k];
    }
}

void Int8Panels::product(std::span<const float> shoppers, std::span<float> out) const
{
    const auto count = shoppers.size() / m_factors;
    assert(out.size() >= count * stride());
    std::vector<std::int16_t> rounded(2 * m_pairs, 0);
    std::int32_t sums[kWidth];
    for (std::size_t s = 0; s < count; ++s) {
        const auto row = shoppers.subspan(s * m_factors, m_factors);
        const float most = largest(row);
        const float scale = most / 127.0f;
        for (std::size_t k = 0; k < m_factors; ++k)
            rounded[k] = static_cast<std::int16_t>(most > 0 ? std::lround(row[k] / scale) : 0);
        float *to = out.data() + s * stride();
        for (std::size_t p = 0; p < m_panels; ++p) {
            panelProduct(m_data.data() + p * m_pairs * kWidth * 2, rounded.data(), m_pairs, sums);
            for (std::size_t j = 0; j < kWidth; ++j)
                to[p * kWidth + j] =
                    static_cast<float>(sums[j]) * (scale * m_scales[p * kWidth + j]);
        }
    }
}

} // namespace engine
