#include "engine/training/mf/row_cg.h"

#include "engine/data/parallel.h"
#include "engine/scoring/lanes.h"

#include <algorithm>

namespace engine {
namespace {

constexpr std::size_t kTogether = 4; ///< entries of a row that are walked side by side

/// The inner product, in two sets of lanes; `width` is a multiple of 16.
DRILLROOM_INLINE float dot(const float *a, const float *b, std::size_t width)
{
    Lanes even = {}, odd = {};
    for (std::size_t k = 0; k < width; k += 2 * kLaneCount) {
        even += lanesAt(a + k) * lanesAt(b + k);
        odd += lanesAt(a + k + kLaneCount) * lanesAt(b + k + kLaneCount);
    }
    even += odd;
    return sumOfLanes(even);
}

DRILLROOM_INLINE void addScaled(float *out, const float *a, float scale, std::size_t width)
{
    for (std::size_t k = 0; k < width; k += kLaneCount)
        lanesAt(out + k) += scale * lanesAt(a + k);
}

/// `products[e]` = entries[e] . p: what is read of p serves four entries.
DRILLROOM_INLINE void dots(const float *const *entries, const float *p, std::size_t width,
                           float *products)
{
    const float *a = entries[0], *b = entries[1], *c = entries[2], *d = entries[3];
    Lanes a0 = {}, b0 = {}, c0 = {}, d0 = {}, a1 = {}, b1 = {}, c1 = {}, d1 = {};
    for (std::size_t k = 0; k < width; k += 2 * kLaneCount) {
        const Lanes p0 = lanesAt(p + k), p1 = lanesAt(p + k + kLaneCount);
        a0 += lanesAt(a + k) * p0;
        b0 += lanesAt(b + k) * p0;
        c0 += lanesAt(c + k) * p0;
        d0 += lanesAt(d + k) * p0;
        a1 += lanesAt(a + k + kLaneCount) * p1;
        b1 += lanesAt(b + k + kLaneCount) * p1;
        c1 += lanesAt(c + k + kLaneCount) * p1;
        d1 += lanesAt(d + k + kLaneCount) * p1;
    }
    a0 += a1;
    b0 += b1;
    c0 += c1;
    d0 += d1;
    products[0] = sumOfLanes(a0);
    products[1] = sumOfLanes(b0);
    products[2] = sumOfLanes(c0);
    products[3] = sumOfLanes(d0);
}

/// out += sum of scales[e] entries[e]; `squares` too, where given, += sum of entries[e]^2.
DRILLROOM_INLINE void addAll(float *out, float *squares, const float *const *entries,
                             const float *scales, std::size_t width)
{
    const float *a = entries[0], *b = entries[1], *c = entries[2], *d = entries[3];
    const float s0 = scales[0], s1 = scales[1], s2 = scales[2], s3 = scales[3];
    for (std::size_t k = 0; k < width; k += kLaneCount) {
        const Lanes va = lanesAt(a + k), vb = lanesAt(b + k), vc = lanesAt(c + k),
                    vd = lanesAt(d + k);
        lanesAt(out + k) += (s0 * va + s1 * vb) + (s2 * vc + s3 * vd);
        if (squares != nullptr)
            lanesAt(squares + k) += (va * va + vb * vb) + (vc * vc + vd * vd);
    }
}

/// Calls four(entries) for each four entries of the row and one(entry) for those left over.
template <class Four, class One>
DRILLROOM_INLINE void walk(const RowSystem &system, std::span<const std::int64_t> row,
                           const Four &four, const One &one)
{
    const auto entry = [&](std::size_t e) __attribute__((always_inline))
    {
        return system.fixed + static_cast<std::size_t>(row[e]) * system.width;
    };
    std::size_t e = 0;
    for (; e + kTogether <= row.size(); e += kTogether) {
        const float *entries[kTogether] = {entry(e), entry(e + 1), entry(e + 2), entry(e + 3)};
        four(entries, e);
    }
    for (; e < row.size(); ++e)
        one(entry(e));
}

/// Scratch of one thread: five vectors as long as a row of factors.
struct Scratch
{
    explicit Scratch(std::size_t width) : data(5 * width) {}
    std::vector<float> data;
};

/// The first entries of the row after this one come into the cache while this one is solved.
constexpr std::size_t kAhead = 12;

DRILLROOM_INLINE void solveBody(const RowSystem &system, std::span<const std::int64_t> row,
                                std::span<const std::int64_t> next, float ridge, float *x,
                                float *work)
{
    const std::size_t width = system.width;
    float *diagonal = work, *inverse = work + width, *r = work + 2 * width, *p = work + 3 * width,
          *q = work + 4 * width;
    for (std::size_t k = 0; k < width; k += kLaneCount) {
        const Lanes both = lanesAt(system.shared + k) + ridge;
        lanesAt(diagonal + k) = both;
        lanesAt(inverse + k) = both;
        lanesAt(r + k) = -both * lanesAt(x + k);
    }
    walk(
        system, row,
        [&](const float *const *entries, std::size_t e) __attribute__((always_inline)) {
            for (auto ahead = e + kAhead; ahead < std::min(e + kAhead + kTogether, row.size());
                 ++ahead)
                prefetchRow(system.fixed + static_cast<std::size_t>(row[ahead]) * width, width);
            float left[kTogether];
            dots(entries, x, width, left);
            for (auto &one : left)
                one = 1.0f - one;
            addAll(r, inverse, entries, left, width);
        },
        [&](const float *z) __attribute__((always_inline)) {
            const float left = 1.0f - dot(z, x, width);
            for (std::size_t k = 0; k < width; k += kLaneCount) {
                const Lanes value = lanesAt(z + k);
                lanesAt(r + k) += left * value;
                lanesAt(inverse + k) += value * value;
            }
        });
    for (const auto column : next.first(std::min(kAhead, next.size())))
        prefetchRow(system.fixed + static_cast<std::size_t>(column) * width, width);
    for (std::size_t k = 0; k < width; k += kLaneCount) {
        const Lanes one = 1.0f / lanesAt(inverse + k);
        lanesAt(inverse + k) = one;
        lanesAt(p + k) = one * lanesAt(r + k);
    }
    float rz = dot(r, p, width);
    const float enough = 1e-10f * rz;
    for (int step = 0; step < system.steps && rz > enough && rz > 1e-30f; ++step) {
        for (std::size_t k = 0; k < width; k += kLaneCount)
            lanesAt(q + k) = lanesAt(diagonal + k) * lanesAt(p + k);
        walk(
            system, row,
            [&](const float *const *entries, std::size_t) __attribute__((always_inline)) {
                float products[kTogether];
                dots(entries, p, width, products);
                addAll(q, nullptr, entries, products, width);
            },
            [&](const float *z)
                __attribute__((always_inline)) { addScaled(q, z, dot(z, p, width), width); });
        const float alpha = rz / dot(p, q, width);
        addScaled(x, p, alpha, width);
        if (step + 1 == system.steps)
            break;
        addScaled(r, q, -alpha, width);
        for (std::size_t k = 0; k < width; k += kLaneCount)
            lanesAt(q + k) = lanesAt(inverse + k) * lanesAt(r + k);
        const float after = dot(r, q, width);
        const float beta = after / rz;
        rz = after;
        for (std::size_t k = 0; k < width; k += kLaneCount)
            lanesAt(p + k) = lanesAt(q + k) + beta * lanesAt(p + k);
    }
}

using Entries = std::span<const std::int64_t>;

void solvePlain(const RowSystem &system, Entries row, Entries next, float ridge, float *x,
                float *work)
{
    solveBody(system, row, next, ridge, x, work);
}
DRILLROOM_WIDE void solveWide(const RowSystem &system, Entries row, Entries next, float ridge,
                              float *x, float *work)
{
    solveBody(system, row, next, ridge, x, work);
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
            const auto next = r + 1 < end ? rows.of(r + 1) : Entries();
            hasWide() ? solveWide(system, row, next, ridge, solution, scratch.data.data())
                      : solvePlain(system, row, next, ridge, solution, scratch.data.data());
        }
    });
    return !stop.stop_requested();
}

} // namespace engine
