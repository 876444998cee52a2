#include "engine/training/trees/bins.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace engine {
namespace {

constexpr std::size_t kSample = 200'000;

/// A float between a and b, a < b, that is at least a and below b.
float between(float a, float b)
{
    const float middle = a + (b - a) / 2;
    return middle >= a && middle < b ? middle : a;
}

std::vector<float> edgesOf(const std::vector<float> &column, std::size_t rows)
{
    std::vector<float> values;
    const std::size_t step = std::max<std::size_t>(1, rows / kSample);
    values.reserve(rows / step + 1);
    for (std::size_t r = 0; r < rows; r += step) {
        if (column[r] == column[r])
            values.push_back(column[r]);
    }
    std::sort(values.begin(), values.end());
    std::vector<float> edges;
    constexpr std::size_t most = Bins::kMost - 2; // besides NaN and the last, open bin
    std::vector<float> distinct(values);
    distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
    if (distinct.size() <= most) {
        for (std::size_t i = 0; i + 1 < distinct.size(); ++i)
            edges.push_back(between(distinct[i], distinct[i + 1]));
    } else {
        for (std::size_t i = 1; i <= most; ++i) {
            const auto at = i * values.size() / (most + 1);
            const auto above = std::upper_bound(distinct.begin(), distinct.end(), values[at]);
            if (above == distinct.end())
                break;
            const float edge = between(*(above - 1), *above);
            if (edges.empty() || edge > edges.back())
                edges.push_back(edge);
        }
    }
    edges.push_back(std::numeric_limits<float>::max());
    return edges;
}

} // namespace

Bins::Bins(std::span<const std::vector<float>> columns, std::size_t rows) : m_rows(rows)
{
    m_data.resize(columns.size() * rows);
    for (std::size_t f = 0; f < columns.size(); ++f) {
        m_edges.push_back(edgesOf(columns[f], rows));
        const auto &edges = m_edges.back();
        auto *out = m_data.data() + f * rows;
        for (std::size_t r = 0; r < rows; ++r) {
            const float x = columns[f][r];
            if (x != x) {
                out[r] = 0;
                continue;
            }
            const auto at = std::lower_bound(edges.begin(), edges.end() - 1, x) - edges.begin();
            out[r] = static_cast<std::uint8_t>(1 + at);
        }
    }
}

} // namespace engine
