#include "engine/metrics/sketch.h"

#include "engine/base/exact_math.h"

#include <algorithm>
#include <limits>

namespace engine {
namespace {

constexpr double kLeast = 0.01, kMost = 100'000.0;
constexpr double kGamma = 1.01 / 0.99; // 1 % relative error
constexpr std::int32_t kLowest = -231, kHighest = 577;

double logGamma()
{
    static const double value = exact::log(kGamma);
    return value;
}

/// Bucket i holds (gamma^(i-1), gamma^i].
std::int32_t bucketOf(double millis)
{
    if (!(millis > kLeast)) // NaN too
        millis = kLeast;
    millis = std::min(millis, kMost);
    const double scaled = exact::log(millis) / logGamma();
    auto index = static_cast<std::int32_t>(scaled);
    if (static_cast<double>(index) < scaled)
        ++index;
    return std::clamp(index, kLowest, kHighest);
}

double valueOf(std::int32_t bucket)
{
    return 2.0 * exact::exp(bucket * logGamma()) / (kGamma + 1.0);
}

void putVarint(Bytes &out, std::uint64_t value)
{
    while (value >= 0x80) {
        out.push_back(static_cast<std::uint8_t>(value | 0x80));
        value >>= 7;
    }
    out.push_back(static_cast<std::uint8_t>(value));
}

/// Only the shortest form of a number is taken, so that equal sketches have equal bytes.
std::optional<std::uint64_t> takeVarint(std::span<const std::uint8_t> &data)
{
    std::uint64_t value = 0;
    for (int shift = 0; shift < 63 && !data.empty(); shift += 7) {
        const auto byte = data.front();
        data = data.subspan(1);
        value |= std::uint64_t{byte & 0x7Fu} << shift;
        if ((byte & 0x80) == 0)
            return byte == 0 && shift > 0 ? std::nullopt : std::optional(value);
    }
    return std::nullopt;
}

} // namespace

void Sketch::add(double millis, std::uint64_t count)
{
    if (count == 0)
        return;
    m_buckets[bucketOf(millis)] += count;
    m_count += count;
}

void Sketch::merge(const Sketch &other)
{
    for (const auto &[bucket, count] : other.m_buckets)
        m_buckets[bucket] += count;
    m_count += other.m_count;
}

void Sketch::clear()
{
    m_buckets.clear();
    m_count = 0;
}

double Sketch::quantile(double q) const
{
    if (m_count == 0)
        return std::numeric_limits<double>::quiet_NaN();
    const double rank = std::clamp(q, 0.0, 1.0) * static_cast<double>(m_count - 1);
    std::uint64_t seen = 0;
    for (const auto &[bucket, count] : m_buckets) {
        seen += count;
        if (static_cast<double>(seen) > rank)
            return valueOf(bucket);
    }
    return valueOf(m_buckets.rbegin()->first);
}

Bytes Sketch::encode() const
{
    Bytes out;
    putVarint(out, m_buckets.size());
    std::int32_t last = kLowest;
    for (const auto &[bucket, count] : m_buckets) {
        putVarint(out, static_cast<std::uint64_t>(bucket - last));
        putVarint(out, count);
        last = bucket;
    }
    return out;
}

std::optional<Sketch> Sketch::decode(std::span<const std::uint8_t> data)
{
    const auto size = takeVarint(data);
    if (!size || *size > static_cast<std::uint64_t>(kHighest - kLowest + 1))
        return std::nullopt;
    Sketch sketch;
    std::int64_t bucket = kLowest;
    for (std::uint64_t i = 0; i < *size; ++i) {
        const auto step = takeVarint(data);
        const auto count = takeVarint(data);
        constexpr auto kMostCount = std::uint64_t{1} << 48; // sums of many never overflow
        if (!step || !count || *count == 0 || *count > kMostCount || (i > 0 && *step == 0)
            || *step > static_cast<std::uint64_t>(kHighest - bucket))
            return std::nullopt;
        bucket += static_cast<std::int64_t>(*step);
        sketch.m_buckets.emplace_hint(sketch.m_buckets.end(), static_cast<std::int32_t>(bucket),
                                      *count);
        sketch.m_count += *count;
    }
    return data.empty() ? std::optional(sketch) : std::nullopt;
}

} // namespace engine
