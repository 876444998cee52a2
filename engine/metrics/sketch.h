#pragma once
// A mergeable latency sketch: logarithmic buckets with 1 % relative error, so that percentiles of
// any span come from merged counts and are never averaged. (DDSketch: Masson, Rim, Lee, VLDB 2019.)

#include "engine/base/bytes.h"

namespace engine {

/// Counts of values in milliseconds from 0.01 to 100,000; smaller ones count as 0.01. One thread.
class Sketch
{
public:
    void add(double millis, std::uint64_t count = 1);
    void merge(const Sketch &other);
    void clear();
    [[nodiscard]] std::uint64_t count() const { return m_count; }
    /// The q-quantile (0 <= q <= 1) in ms within 1 %; NaN when empty.
    [[nodiscard]] double quantile(double q) const;
    /// Delta-coded buckets, typically 20-80 bytes per window.
    [[nodiscard]] Bytes encode() const;
    [[nodiscard]] static std::optional<Sketch> decode(std::span<const std::uint8_t> data);
    /// As merge(*decode(data)), without the copy; false (and a part of it merged) when hostile.
    [[nodiscard]] bool mergeEncoded(std::span<const std::uint8_t> data);
    bool operator==(const Sketch &) const = default;

private:
    void reach(std::int32_t lowest, std::int32_t highest);
    // The first and the last count are never zero, so that equal sketches have equal members.
    std::vector<std::uint64_t> m_counts;
    std::int32_t m_lowest = 0; ///< bucket of the first count; 0 when there is none
    std::uint64_t m_count = 0;
};

} // namespace engine
