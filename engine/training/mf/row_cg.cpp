#include "engine/training/mf/row_cg.h"

#include "engine/data/parallel.h"
#include "engine/scoring/wide.h"

#include <algorithm>

namespace engine {
namespace {

constexpr std::size_t kLanes = 16;

/// Sums in 16 lanes, so that the compiler may use its vectors and the order stays fixed.
DRILLROOM_INLINE float dot(const float *a, const float *b, std::size_t width)
{
    float lanes[2][kLanes] = {};
    std::size_t k = 0;
    for (; k + 2 * kLanes <= width; k += 2 * kLanes) {
        for (std::size_t j = 0; j < kLanes; ++j)
            lanes[0][j] += a[k + j] * b[k + j];
        for (std::size_t j = 0; j < kLanes; ++j)
            lanes[1][j] += a[k + kLanes + j] * b[k + kLanes + j];
    }
    for (; k < width; k += kLanes) {
        for (std::size_t j = 0; j < kLanes; ++j)
            lanes[0][j] += a[k + j] * b[k + j];
    }
    for (std::size_t j = 0; j < kLanes; ++j)
        lanes[0][j] += lanes[1][j];
    for (std::size_t half = kLanes / 2; half > 0; half /= 2) {
        for (std::size_t j = 0; j < half; ++j)
            lanes[0][j] += lanes[0][j + half];
    }
    return lanes[0][0];
}

DRILLROOM_INLINE void addScaled(float *out, const float *a, float scale, std::size_t width)
{
    for (std::size_t k = 0; k < width; k += kLanes) {
        for (std::size_t j = 0; j < kLanes; ++j)
            out[k + j] += scale * a[k + j];
    }
}

/// Scratch of one thread: five vectors as long as a row of factors.
struct Scratch
{
    explicit Scratch(std::size_t width) : data(5 * width) {}
    std::vector<float> data;
};

DRILLROOM_INLINE void solveBody(const RowSystem &system, std::span<const std::int64_t> row,
                                float ridge, float *x, float *work)
{
    const std::size_t width = system.width;
    float *diagonal = work, *inverse = work + width, *r = work + 2 * width, *p = work + 3 * width,
          *q = work + 4 * width;
    for (std::size_t k = 0; k < width; ++k) {
        diagonal[k] = system.shared[k] + ridge;
        inverse[k] = diagonal[k];
        r[k] = -diagonal[k] * x[k];
    }
    for (const auto column : row) {
        const float *z = system.fixed + static_cast<std::size_t>(column) * width;
        const float left = 1.0f - dot(z, x, width);
        for (std::size_t k = 0; k < width; k += kLanes) {
            for (std::size_t j = 0; j < kLanes; ++j) {
                r[k + j] += left * z[k + j];
                inverse[k + j] += z[k + j] * z[k + j];
            }
        }
    }
    for (std::size_t k = 0; k < width; ++k) {
        inverse[k] = 1.0f / inverse[k];
        p[k] = inverse[k] * r[k];
    }
    float rz = dot(r, p, width);
    const float enough = 1e-10f * rz;
    for (int step = 0; step < system.steps && rz > enough && rz > 1e-30f; ++step) {
        for (std::size_t k = 0; k < width; ++k)
            q[k] = diagonal[k] * p[k];
        for (const auto column : row) {
            const float *z = system.fixed + static_cast<std::size_t>(column) * width;
            addScaled(q, z, dot(z, p, width), width);
        }
        const float alpha = rz / dot(p, q, width);
        addScaled(x, p, alpha, width);
        if (step + 1 == system.steps)
            break;
        addScaled(r, q, -alpha, width);
        for (std::size_t k = 0; k < width; ++k)
            q[k] = inverse[k] * r[k];
        const float next = dot(r, q, width);
        const float beta = next / rz;
        rz = next;
        for (std::size_t k = 0; k < width; ++k)
            p[k] = q[k] + beta * p[k];
    }
}

void solvePlain(const RowSystem &system, std::span<const std::int64_t> row, float ridge, float *x,
                float *work)
{
    solveBody(system, row, ridge, x, work);
}
DRILLROOM_WIDE void solveWide(const RowSystem &system, std::span<const std::int64_t> row,
                              float ridge, float *x, float *work)
{
    solveBody(system, row, ridge, x, work);
}

} // namespace

bool solveRows(const SparseRows &rows, const RowSystem &system, float *x, unsigned threads,
               const std::stop_token &stop)
{
    forChunks(rows.rows(), 128, threads, [&](std::size_t first, std::size_t end) {
        if (stop.stop_requested())
            return;
        Scratch scratch(system.width);
        for (auto r = first; r < end; ++r) {
            const auto row = rows.of(r);
            float *solution = x + r * system.width;
            if (row.empty()) {
                std::fill(solution, solution + system.width, 0.0f);
                continue;
            }
            const auto ridge = static_cast<float>(system.ridge(row.size()));
            hasWide() ? solveWide(system, row, ridge, solution, scratch.data.data())
                      : solvePlain(system, row, ridge, solution, scratch.data.data());
        }
    });
    return !stop.stop_requested();
}

} // namespace engine
