#include "engine/training/mf/spectrum.h"

#include "engine/base/random.h"
#include "engine/data/parallel.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linalg_eigh.h>
#include <ATen/ops/linalg_qr.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>

namespace engine {
namespace {

constexpr std::uint64_t kProbeStream = 0x1A17;
constexpr std::int64_t kSpare = 32; ///< more directions than asked for: they sharpen the last ones

__attribute__((target_clones("avx2", "default"))) void addScaled(float *out, const float *in,
                                                                 float scale, std::size_t width)
{
    for (std::size_t k = 0; k < width; ++k)
        out[k] += scale * in[k];
}

at::Tensor product(const WeightedRows &matrix, const at::Tensor &dense, unsigned threads)
{
    const auto width = static_cast<std::size_t>(dense.size(1));
    auto out = at::zeros({static_cast<std::int64_t>(matrix.rows.rows()), dense.size(1)});
    const float *in = dense.data_ptr<float>();
    float *to = out.data_ptr<float>();
    forChunks(matrix.rows.rows(), 64, threads, [&](std::size_t first, std::size_t end) {
        for (auto r = first; r < end; ++r) {
            const auto row = matrix.rows.of(r);
            const auto at = static_cast<std::size_t>(matrix.rows.offsets[r]);
            for (std::size_t i = 0; i < row.size(); ++i)
                addScaled(to + r * width, in + static_cast<std::size_t>(row[i]) * width,
                          matrix.values[at + i], width);
        }
    });
    return out;
}

WeightedRows transposedWith(const WeightedRows &matrix)
{
    WeightedRows out;
    out.rows = transposed(matrix.rows);
    out.values.resize(matrix.values.size());
    auto at = out.rows.offsets;
    for (std::size_t r = 0, i = 0; r < matrix.rows.rows(); ++r) {
        for (const auto column : matrix.rows.of(r))
            out.values[static_cast<std::size_t>(at[static_cast<std::size_t>(column)]++)] =
                matrix.values[i++];
    }
    return out;
}

} // namespace

std::optional<Spectrum> leadingSpectrum(const WeightedRows &matrix, int rank, int iterations,
                                        std::uint64_t seed, unsigned threads,
                                        const std::stop_token &stop)
{
    const auto rows = static_cast<std::int64_t>(matrix.rows.rows());
    const auto columns = static_cast<std::int64_t>(matrix.rows.columns);
    const auto most = std::min(rows, columns);
    const auto wanted = std::min<std::int64_t>(rank, most);
    const auto width = std::min(most, wanted + kSpare);
    const auto back = transposedWith(matrix);
    auto q = at::empty({columns, width});
    Random random(seed, kProbeStream);
    float *data = q.data_ptr<float>();
    for (std::int64_t i = 0; i < columns * width; ++i)
        data[i] = static_cast<float>(random.normal());
    // LibTorch's team pays for tall matrices only; it goes back to one thread afterwards.
    at::set_num_threads(columns * width > (1 << 20) ? static_cast<int>(threads) : 1);
    for (int i = 0; i < iterations && !stop.stop_requested(); ++i)
        q = std::get<0>(at::linalg_qr(product(back, product(matrix, q, threads), threads)))
                .contiguous();
    Spectrum out;
    if (!stop.stop_requested()) {
        const auto image = product(matrix, q, threads);
        const auto [values, vectors] = at::linalg_eigh(at::mm(image.t(), image).to(at::kDouble));
        const auto turn = vectors.flip(1).narrow(1, 0, wanted).to(at::kFloat).contiguous();
        out.values = values.flip(0).narrow(0, 0, wanted).clamp_min(0).sqrt().to(at::kFloat);
        out.right = at::mm(q, turn);
        out.left = at::mm(image, turn).div(out.values.clamp_min(1e-6));
    }
    at::set_num_threads(1);
    if (stop.stop_requested())
        return std::nullopt;
    return out;
}

std::vector<double> columnCounts(const SparseRows &rows)
{
    std::vector<double> counts(rows.columns, 0.0);
    for (const auto column : rows.indices)
        counts[static_cast<std::size_t>(column)] += 1;
    return counts;
}

WeightedRows takenMatrix(const SparseRows &rows, double shopperPower, double itemPower)
{
    WeightedRows out{rows, {}};
    out.values.reserve(rows.indices.size());
    const auto counts = columnCounts(rows);
    for (std::size_t r = 0; r < rows.rows(); ++r) {
        const auto row = rows.of(r);
        const double own = std::pow(static_cast<double>(row.size()), -shopperPower);
        for (const auto column : row)
            out.values.push_back(static_cast<float>(
                own * std::pow(counts[static_cast<std::size_t>(column)], -itemPower)));
    }
    return out;
}

WeightedRows followedMatrix(const Dataset &data, int window, double power,
                            std::vector<double> &from, std::vector<double> &to)
{
    struct Pair
    {
        std::uint64_t key;
        float value;
    };
    std::vector<Pair> pairs;
    for (std::size_t s = 0; s < data.shoppers(); ++s) {
        const auto events = data.of(s);
        for (std::size_t e = 0; e + 1 < events.size(); ++e) {
            for (std::size_t gap = 1;
                 gap <= static_cast<std::size_t>(window) && e + gap < events.size(); ++gap) {
                if (events[e] != events[e + gap])
                    pairs.push_back(
                        {static_cast<std::uint64_t>(events[e]) * data.items + events[e + gap],
                         1.0f / static_cast<float>(gap)});
            }
        }
    }
    std::stable_sort(pairs.begin(), pairs.end(),
                     [](const Pair &a, const Pair &b) { return a.key < b.key; });
    WeightedRows out;
    out.rows.columns = data.items;
    out.rows.offsets.assign(data.items + 1, 0);
    from.assign(data.items, 0.0);
    to.assign(data.items, 0.0);
    for (std::size_t i = 0; i < pairs.size();) {
        double sum = 0;
        const auto key = pairs[i].key;
        for (; i < pairs.size() && pairs[i].key == key; ++i)
            sum += static_cast<double>(pairs[i].value);
        const auto row = key / data.items, column = key % data.items;
        ++out.rows.offsets[row + 1];
        out.rows.indices.push_back(static_cast<std::int64_t>(column));
        out.values.push_back(static_cast<float>(sum));
        from[row] += sum;
        to[column] += sum;
    }
    for (std::size_t r = 0; r < data.items; ++r)
        out.rows.offsets[r + 1] += out.rows.offsets[r];
    for (std::size_t r = 0, i = 0; r < data.items; ++r) {
        for (const auto column : out.rows.of(r))
            out.values[i++] *= static_cast<float>(
                std::pow(from[r], -power) * std::pow(to[static_cast<std::size_t>(column)], -power));
    }
    return out;
}

} // namespace engine
