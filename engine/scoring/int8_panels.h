#pragma once
// Item factors as bytes with one scale per item, in panels like ItemPanels: a quarter of the memory
// to read, and sums of whole numbers, which are exact in any order. Immutable; any thread.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace engine {

/// Rows of floats as bytes: value = byte * scale, the largest of a row is 127.
struct Int8Rows
{
    std::vector<std::int8_t> bytes;
    std::vector<float> scales; ///< by row
};
[[nodiscard]] Int8Rows quantised(std::span<const float> rows, std::size_t width);

class Int8Panels
{
public:
    static constexpr std::size_t kWidth = 16;

    Int8Panels(std::span<const std::int8_t> rows, std::span<const float> scales, std::size_t items,
               std::size_t factors);
    [[nodiscard]] std::size_t stride() const { return m_panels * kWidth; }
    /// As ItemPanels::product; each shopper's factors are rounded to bytes first.
    void product(std::span<const float> shoppers, std::span<float> out) const;

private:
    std::size_t m_factors, m_pairs, m_panels;
    std::vector<std::int8_t> m_data; ///< [panel][pair of factors][item in panel][2]
    std::vector<float> m_scales;     ///< padded with 0
};

} // namespace engine
