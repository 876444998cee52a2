#pragma once
// A table of features cut into at most 255 bins each, column after column: what the histogram
// learner reads. Bin 0 holds NaN; bin b >= 1 holds edge[b-2] < x <= edge[b-1]. Immutable after
// construction; any thread.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace engine {

class Bins
{
public:
    static constexpr std::size_t kMost = 256;

    /// `columns`[feature][row]. Edges lie between distinct values, at their quantiles when there
    /// are too many (from at most 200,000 rows, evenly spread).
    Bins(std::span<const std::vector<float>> columns, std::size_t rows);

    [[nodiscard]] std::size_t rows() const { return m_rows; }
    [[nodiscard]] std::size_t features() const { return m_edges.size(); }
    [[nodiscard]] const std::uint8_t *column(std::size_t feature) const
    {
        return m_data.data() + feature * m_rows;
    }
    /// Bins in use, the one of NaN included.
    [[nodiscard]] std::size_t count(std::size_t feature) const
    {
        return m_edges[feature].size() + 1;
    }
    /// The largest value of bin `bin` >= 1, as a threshold "x <= edge".
    [[nodiscard]] float edge(std::size_t feature, std::size_t bin) const
    {
        return m_edges[feature][bin - 1];
    }

private:
    std::size_t m_rows;
    std::vector<std::vector<float>> m_edges; ///< by feature; the last one is the largest float
    std::vector<std::uint8_t> m_data;
};

} // namespace engine
