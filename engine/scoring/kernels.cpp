#include "engine/scoring/kernels.h"

#include "engine/scoring/lanes.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <utility>

namespace engine {
namespace {

constexpr std::size_t kWidth = ItemPanels::kWidth;
/// Panels that stay in the second-level cache while all shoppers of a batch pass over them.
constexpr std::size_t kTileFloats = 48 * 1024;

struct Tile
{
    const float *panels;
    std::size_t count, factors;
    const float *shoppers; ///< [H, factors]
    float *out;
    std::size_t stride;
};

/// H shoppers at once, the sums of 16 items of each in two sets of lanes: for six these are twelve
/// of AVX2's sixteen registers. In a plain array the compiler left the sums in memory.
template <std::size_t... h>
DRILLROOM_INLINE void tileBody(const Tile &tile, std::index_sequence<h...>)
{
    constexpr std::size_t H = sizeof...(h);
    for (std::size_t p = 0; p < tile.count; ++p) {
        const float *panel = tile.panels + p * tile.factors * kWidth;
        Lanes low[H] = {}, high[H] = {};
        for (std::size_t k = 0; k < tile.factors; ++k) {
            const Lanes left = lanesAt(panel + k * kWidth);
            const Lanes right = lanesAt(panel + k * kWidth + kLaneCount);
            ((low[h] += tile.shoppers[h * tile.factors + k] * left,
              high[h] += tile.shoppers[h * tile.factors + k] * right),
             ...);
        }
        float *out = tile.out + p * kWidth;
        ((lanesAt(out + h * tile.stride) = low[h],
          lanesAt(out + h * tile.stride + kLaneCount) = high[h]),
         ...);
    }
}

template <std::size_t H>
void tilePlain(const Tile &tile)
{
    tileBody(tile, std::make_index_sequence<H>());
}
template <std::size_t H>
DRILLROOM_WIDE void tileWide(const Tile &tile)
{
    tileBody(tile, std::make_index_sequence<H>());
}

template <std::size_t H>
void tileProduct(const Tile &tile)
{
    hasWide() ? tileWide<H>(tile) : tilePlain<H>(tile);
}

/// Solves a x = b in place of b: a = U^T U (upper triangle, row-major), then two triangular solves.
/// False when `a` is not positive definite.
DRILLROOM_INLINE bool solveUpper(double *a, double *x, std::size_t d)
{
    for (std::size_t k = 0; k < d; ++k) {
        double *pivot = a + k * d;
        if (!(pivot[k] > 0.0))
            return false;
        const double scale = 1.0 / std::sqrt(pivot[k]);
        for (std::size_t j = k; j < d; ++j)
            pivot[j] *= scale;
        for (std::size_t i = k + 1; i < d; ++i) {
            const double weight = pivot[i];
            double *row = a + i * d;
            for (std::size_t j = i; j < d; ++j)
                row[j] -= weight * pivot[j];
        }
    }
    for (std::size_t k = 0; k < d; ++k) {
        const double *pivot = a + k * d;
        x[k] /= pivot[k];
        for (std::size_t j = k + 1; j < d; ++j)
            x[j] -= x[k] * pivot[j];
    }
    for (std::size_t k = d; k-- > 0;) {
        const double *pivot = a + k * d;
        double sum = x[k];
        for (std::size_t j = k + 1; j < d; ++j)
            sum -= pivot[j] * x[j];
        x[k] = sum / pivot[k];
    }
    return true;
}

/// Upper triangle, row-major: a += v v^T per row, then the solution.
DRILLROOM_INLINE bool foldInBody(const float *rows, std::size_t count, std::size_t d, double *a,
                                 double *v, double *x)
{
    std::fill(x, x + d, 0.0);
    for (std::size_t r = 0; r < count; ++r) {
        for (std::size_t i = 0; i < d; ++i)
            v[i] = static_cast<double>(rows[r * d + i]);
        for (std::size_t i = 0; i < d; ++i) {
            const double weight = v[i];
            double *row = a + i * d;
            for (std::size_t j = i; j < d; ++j)
                row[j] += weight * v[j];
            x[i] += weight;
        }
    }
    return solveUpper(a, x, d);
}

/// z: rows transposed and scaled by the roots of the weights [d, count]; system [count, count] or
/// [d, d]; x its right side. `rows` as in foldInDiagonal.
DRILLROOM_INLINE bool diagonalBody(const float *rows, std::size_t count, std::size_t d,
                                   const double *weights, const double *shared, double *work,
                                   double *out)
{
    if (count >= d) {
        double *a = work, *v = a + d * d;
        std::fill(a, a + d * d, 0.0);
        std::fill(out, out + d, 0.0);
        for (std::size_t i = 0; i < d; ++i)
            a[i * d + i] = shared[i];
        for (std::size_t r = 0; r < count; ++r) {
            for (std::size_t i = 0; i < d; ++i)
                v[i] = static_cast<double>(rows[r * d + i]);
            for (std::size_t i = 0; i < d; ++i) {
                const double weight = weights[r] * v[i];
                for (std::size_t j = i; j < d; ++j)
                    a[i * d + j] += weight * v[j];
                out[i] += weight;
            }
        }
        return solveUpper(a, out, d);
    }
    // u = D^-1 Z^T (I + Z D^-1 Z^T)^-1 sqrt(w), Z = sqrt(w) V: as large as the history is long.
    double *a = work, *z = a + count * count, *x = z + d * count;
    for (std::size_t r = 0; r < count; ++r) {
        x[r] = std::sqrt(weights[r]);
        for (std::size_t k = 0; k < d; ++k)
            z[k * count + r] = x[r] * static_cast<double>(rows[r * d + k]);
    }
    std::fill(a, a + count * count, 0.0);
    for (std::size_t r = 0; r < count; ++r)
        a[r * count + r] = 1.0;
    for (std::size_t k = 0; k < d; ++k) {
        const double *row = z + k * count;
        const double inverse = 1.0 / shared[k];
        for (std::size_t i = 0; i < count; ++i) {
            const double weight = row[i] * inverse;
            for (std::size_t j = i; j < count; ++j)
                a[i * count + j] += weight * row[j];
        }
    }
    if (!solveUpper(a, x, count))
        return false;
    for (std::size_t k = 0; k < d; ++k) {
        double sum = 0;
        for (std::size_t r = 0; r < count; ++r)
            sum += z[k * count + r] * x[r];
        out[k] = sum / shared[k];
    }
    return true;
}

bool diagonalPlain(const float *rows, std::size_t count, std::size_t d, const double *weights,
                   const double *shared, double *work, double *out)
{
    return diagonalBody(rows, count, d, weights, shared, work, out);
}
DRILLROOM_WIDE bool diagonalWide(const float *rows, std::size_t count, std::size_t d,
                                 const double *weights, const double *shared, double *work,
                                 double *out)
{
    return diagonalBody(rows, count, d, weights, shared, work, out);
}

bool foldInPlain(const float *rows, std::size_t count, std::size_t d, double *a, double *v,
                 double *x)
{
    return foldInBody(rows, count, d, a, v, x);
}
DRILLROOM_WIDE bool foldInWide(const float *rows, std::size_t count, std::size_t d, double *a,
                               double *v, double *x)
{
    return foldInBody(rows, count, d, a, v, x);
}

} // namespace

ItemPanels::ItemPanels(std::span<const float> rows, std::size_t items, std::size_t factors)
    : m_items(items), m_factors(factors), m_panels((items + kWidth - 1) / kWidth),
      m_data(m_panels * kWidth * factors, 0.0f)
{
    assert(rows.size() == items * factors);
    for (std::size_t i = 0; i < items; ++i) {
        for (std::size_t k = 0; k < factors; ++k)
            m_data[((i / kWidth) * factors + k) * kWidth + i % kWidth] = rows[i * factors + k];
    }
}

void ItemPanels::row(std::size_t item, std::span<float> out, std::size_t first) const
{
    assert(first + out.size() <= m_factors);
    for (std::size_t k = 0; k < out.size(); ++k)
        out[k] = m_data[((item / kWidth) * m_factors + first + k) * kWidth + item % kWidth];
}

void ItemPanels::product(std::span<const float> shoppers, std::span<float> out) const
{
    const std::size_t count = m_factors == 0 ? 0 : shoppers.size() / m_factors;
    assert(out.size() >= count * stride());
    const std::size_t perTile =
        std::max<std::size_t>(1, kTileFloats / (kWidth * std::max<std::size_t>(1, m_factors)));
    for (std::size_t panel = 0; panel < m_panels; panel += perTile) {
        Tile tile{m_data.data() + panel * m_factors * kWidth,
                  std::min(perTile, m_panels - panel),
                  m_factors,
                  shoppers.data(),
                  out.data() + panel * kWidth,
                  stride()};
        std::size_t s = 0;
        for (; s + 6 <= count; s += 6) {
            tileProduct<6>(tile);
            tile.shoppers += 6 * m_factors;
            tile.out += 6 * stride();
        }
        for (; s + 2 <= count; s += 2) {
            tileProduct<2>(tile);
            tile.shoppers += 2 * m_factors;
            tile.out += 2 * stride();
        }
        for (; s < count; ++s) {
            tileProduct<1>(tile);
            tile.shoppers += m_factors;
            tile.out += stride();
        }
    }
}

bool foldIn(std::span<const float> rows, std::size_t factors, std::span<const double> gram,
            double ridge, std::span<float> out, std::vector<double> &work)
{
    const std::size_t d = factors;
    assert(gram.size() == d * d && out.size() == d);
    work.resize(d * d + 2 * d);
    double *a = work.data(), *v = a + d * d, *x = v + d;
    std::copy(gram.begin(), gram.end(), a);
    for (std::size_t i = 0; i < d; ++i)
        a[i * d + i] += ridge;
    const auto count = d == 0 ? 0 : rows.size() / d;
    const bool ok = hasWide() ? foldInWide(rows.data(), count, d, a, v, x)
                              : foldInPlain(rows.data(), count, d, a, v, x);
    for (std::size_t i = 0; i < d && ok; ++i)
        out[i] = static_cast<float>(x[i]);
    return ok;
}

bool foldInDiagonal(std::span<const float> rows, std::size_t factors,
                    std::span<const double> weights, std::span<const double> shared,
                    std::span<float> out, std::vector<double> &work)
{
    const std::size_t d = factors, count = weights.size();
    assert(rows.size() == count * d && shared.size() == d && out.size() == d);
    work.resize(d + (count >= d ? d * d + d : count * (count + d + 1)));
    double *solution = work.data(), *rest = work.data() + d;
    const bool ok =
        hasWide()
            ? diagonalWide(rows.data(), count, d, weights.data(), shared.data(), rest, solution)
            : diagonalPlain(rows.data(), count, d, weights.data(), shared.data(), rest, solution);
    for (std::size_t i = 0; i < d && ok; ++i)
        out[i] = static_cast<float>(solution[i]);
    return ok;
}

} // namespace engine
