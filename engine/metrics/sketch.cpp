#include "engine/metrics/sketch.h"

#include "engine/base/exact_math.h"

#include <algorithm>
#include <array>
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
    static const auto kValues = [] { // a picture asks for thousands
        std::array<double, static_cast<std::size_t>(kHighest - kLowest + 1)> values{};
        for (auto i = kLowest; i <= kHighest; ++i)
            values[static_cast<std::size_t>(i - kLowest)] =
                2.0 * exact::exp(i * logGamma()) / (kGamma + 1.0);
        return values;
    }();
    return kValues[static_cast<std::size_t>(bucket - kLowest)];
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
bool takeVarint(std::span<const std::uint8_t> &data, std::uint64_t &value)
{
    if (!data.empty() && data.front() < 0x80) { // nearly all of them
        value = data.front();
        data = data.subspan(1);
        return true;
    }
    value = 0;
    for (int shift = 0; shift < 63 && !data.empty(); shift += 7) {
        const auto byte = data.front();
        data = data.subspan(1);
        value |= std::uint64_t{byte & 0x7Fu} << shift;
        if ((byte & 0x80) == 0)
            return byte != 0;
    }
    return false;
}

} // namespace

void Sketch::reach(std::int32_t lowest, std::int32_t highest)
{
    if (m_counts.empty()) {
        m_lowest = lowest;
        m_counts.resize(static_cast<std::size_t>(highest - lowest + 1));
        return;
    }
    if (lowest < m_lowest) {
        m_counts.insert(m_counts.begin(), static_cast<std::size_t>(m_lowest - lowest), 0);
        m_lowest = lowest;
    }
    const auto size = static_cast<std::size_t>(highest - m_lowest + 1);
    if (highest >= m_lowest && size > m_counts.size())
        m_counts.resize(size);
}

void Sketch::add(double millis, std::uint64_t count)
{
    if (count == 0)
        return;
    const auto bucket = bucketOf(millis);
    reach(bucket, bucket);
    m_counts[static_cast<std::size_t>(bucket - m_lowest)] += count;
    m_count += count;
}

void Sketch::merge(const Sketch &other)
{
    if (other.m_counts.empty())
        return;
    reach(other.m_lowest, other.m_lowest + static_cast<std::int32_t>(other.m_counts.size()) - 1);
    const auto at = static_cast<std::size_t>(other.m_lowest - m_lowest);
    for (std::size_t i = 0; i < other.m_counts.size(); ++i)
        m_counts[at + i] += other.m_counts[i];
    m_count += other.m_count;
}

void Sketch::clear()
{
    m_counts.clear();
    m_lowest = 0;
    m_count = 0;
}

double Sketch::quantile(double q) const
{
    if (m_count == 0)
        return std::numeric_limits<double>::quiet_NaN();
    const double rank = std::clamp(q, 0.0, 1.0) * static_cast<double>(m_count - 1);
    std::uint64_t seen = 0;
    std::size_t i = 0;
    for (; i + 1 < m_counts.size(); ++i) {
        seen += m_counts[i];
        if (static_cast<double>(seen) > rank)
            break;
    }
    return valueOf(m_lowest + static_cast<std::int32_t>(i));
}

Bytes Sketch::encode() const
{
    Bytes out;
    putVarint(out, m_counts.size()
                       - static_cast<std::size_t>(std::ranges::count(m_counts, std::uint64_t{0})));
    std::int32_t last = kLowest;
    for (std::size_t i = 0; i < m_counts.size(); ++i) {
        if (m_counts[i] == 0)
            continue;
        const auto bucket = m_lowest + static_cast<std::int32_t>(i);
        putVarint(out, static_cast<std::uint64_t>(bucket - last));
        putVarint(out, m_counts[i]);
        last = bucket;
    }
    return out;
}

bool Sketch::mergeEncoded(std::span<const std::uint8_t> data)
{
    constexpr auto kMostCount = std::uint64_t{1} << 48; // sums of many never overflow
    std::uint64_t size = 0, step = 0, count = 0;
    if (!takeVarint(data, size) || size > static_cast<std::uint64_t>(kHighest - kLowest + 1))
        return false;
    std::int32_t bucket = kLowest;
    for (std::uint64_t i = 0; i < size; ++i) {
        if (!takeVarint(data, step) || !takeVarint(data, count) || count == 0 || count > kMostCount
            || (i > 0 && step == 0) || step > static_cast<std::uint64_t>(kHighest - bucket))
            return false;
        bucket += static_cast<std::int32_t>(step);
        reach(bucket, bucket);
        m_counts[static_cast<std::size_t>(bucket - m_lowest)] += count;
        m_count += count;
    }
    return data.empty();
}

std::optional<Sketch> Sketch::decode(std::span<const std::uint8_t> data)
{
    Sketch sketch;
    return sketch.mergeEncoded(data) ? std::optional(std::move(sketch)) : std::nullopt;
}

} // namespace engine
