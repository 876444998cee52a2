#include "engine/training/search/latent_space.h"

#include "engine/base/exact_math.h"
#include "engine/base/random.h"
#include "engine/scoring/torch_guard.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linalg_qr.h>
#include <ATen/ops/linalg_svd.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>

namespace engine {
namespace {

constexpr std::uint64_t kStartStream = 0x15A;
constexpr int kPowers = 4, kOver = 8, kRounds = 12;
constexpr std::int64_t kMostGroups = 1024;

/// Products x words in compressed rows, tf-idf, rows of length 1.
struct Counts
{
    std::vector<std::int64_t> starts{0}, columns;
    std::vector<float> values;
    std::int64_t words = 0;
};

Counts countsOf(const SearchIndex &index, std::span<const SearchField> fields)
{
    const auto n = index.products();
    std::vector<std::uint32_t> having(index.words(), 0), seen(index.words(), UINT32_MAX);
    const auto each = [&](std::size_t product, auto &&visit) {
        for (const auto field : fields) {
            for (const auto word : index.text(product, field))
                visit(word);
        }
    };
    for (std::uint32_t p = 0; p < n; ++p) {
        each(p, [&](std::uint32_t word) {
            having[word] += seen[word] != p ? 1 : 0;
            seen[word] = p;
        });
    }
    Counts counts;
    for (std::uint32_t w = 0; w < having.size(); ++w) {
        if (having[w] >= 2)
            counts.words = w + 1;
    }
    std::vector<std::uint32_t> text;
    for (std::size_t p = 0; p < n; ++p) {
        text.clear();
        each(p, [&](std::uint32_t word) {
            if (having[word] >= 2)
                text.push_back(word);
        });
        std::sort(text.begin(), text.end());
        const auto begin = counts.values.size();
        double length = 0;
        for (std::size_t i = 0; i < text.size();) {
            auto end = i;
            while (end < text.size() && text[end] == text[i])
                ++end;
            const double value = (1 + exact::log(static_cast<double>(end - i)))
                                 * exact::log(static_cast<double>(n) / having[text[i]]);
            counts.columns.push_back(text[i]);
            counts.values.push_back(static_cast<float>(value));
            length += value * value;
            i = end;
        }
        for (auto i = begin; i < counts.values.size() && length > 0; ++i)
            counts.values[i] /= static_cast<float>(exact::sqrt(length));
        counts.starts.push_back(static_cast<std::int64_t>(counts.values.size()));
    }
    return counts;
}

/// M x, [products, d].
at::Tensor times(const Counts &m, const at::Tensor &x)
{
    const auto d = x.size(1), n = static_cast<std::int64_t>(m.starts.size()) - 1;
    auto out = at::zeros({n, d});
    const float *in = x.data_ptr<float>();
    float *rows = out.data_ptr<float>();
    for (std::int64_t p = 0; p < n; ++p) {
        for (auto i = m.starts[static_cast<std::size_t>(p)];
             i < m.starts[static_cast<std::size_t>(p) + 1]; ++i) {
            const float value = m.values[static_cast<std::size_t>(i)];
            const float *row = in + m.columns[static_cast<std::size_t>(i)] * d;
            for (std::int64_t j = 0; j < d; ++j)
                rows[p * d + j] += value * row[j];
        }
    }
    return out;
}

/// M^T y, [words, d].
at::Tensor timesTurned(const Counts &m, const at::Tensor &y)
{
    const auto d = y.size(1), n = static_cast<std::int64_t>(m.starts.size()) - 1;
    auto out = at::zeros({m.words, d});
    const float *in = y.data_ptr<float>();
    float *rows = out.data_ptr<float>();
    for (std::int64_t p = 0; p < n; ++p) {
        for (auto i = m.starts[static_cast<std::size_t>(p)];
             i < m.starts[static_cast<std::size_t>(p) + 1]; ++i) {
            const float value = m.values[static_cast<std::size_t>(i)];
            float *row = rows + m.columns[static_cast<std::size_t>(i)] * d;
            for (std::int64_t j = 0; j < d; ++j)
                row[j] += value * in[p * d + j];
        }
    }
    return out;
}

at::Tensor basis(const at::Tensor &x)
{
    return std::get<0>(at::linalg_qr(x)).contiguous();
}

/// Rows of length 1; what is nothing but rounding stays nothing.
at::Tensor unitRows(const at::Tensor &x)
{
    const auto length = x.norm(2, 1, true);
    return x.div(length.clamp_min(1e-5)).mul(length.gt(1e-5)).contiguous();
}

/// Spherical k-means; starts from products spread evenly over the catalogue.
at::Tensor groupsOf(const at::Tensor &vectors, std::int64_t count, const std::stop_token &stop)
{
    const auto n = vectors.size(0);
    auto centres =
        vectors.index_select(0, at::arange(count).mul(n).div(count, "floor").to(at::kLong)).clone();
    auto group = at::zeros({n}, at::kLong);
    constexpr std::int64_t kBlock = 4096;
    for (int round = 0; round < kRounds && !stop.stop_requested(); ++round) {
        for (std::int64_t begin = 0; begin < n; begin += kBlock) {
            const auto size = std::min(kBlock, n - begin);
            group.narrow(0, begin, size)
                .copy_(at::mm(vectors.narrow(0, begin, size), centres.t()).argmax(1));
        }
        auto sums = at::zeros_like(centres);
        sums.index_add_(0, group, vectors);
        // An emptied group keeps its centre.
        const auto isEmpty = sums.norm(2, 1, true).le(1e-9);
        centres = at::where(isEmpty, centres, unitRows(sums));
    }
    return group;
}

std::vector<float> copied(const at::Tensor &x)
{
    const auto flat = x.contiguous();
    return {flat.data_ptr<float>(), flat.data_ptr<float>() + flat.numel()};
}

} // namespace

Result<LatentSpace> latentSpace(const SearchIndex &index, std::span<const SearchField> fields,
                                bool withWords, const LatentOptions &options, std::stop_token stop)
{
    const auto counts = countsOf(index, fields);
    const auto n = static_cast<std::int64_t>(index.products());
    const std::int64_t dims = options.dims, wide = dims + kOver;
    if (n < 2 * wide || counts.words < 2 * wide)
        return LatentSpace{};
    return torchGuarded([&]() -> Result<LatentSpace> {
        const c10::InferenceMode inference;
        auto start = at::empty({counts.words, wide});
        Random random(options.seed, kStartStream);
        float *at = start.data_ptr<float>();
        for (std::int64_t i = 0; i < start.numel(); ++i)
            at[i] = static_cast<float>(random.normal());
        auto y = times(counts, start);
        for (int power = 0; power < kPowers && !stop.stop_requested(); ++power)
            y = times(counts, basis(timesTurned(counts, basis(y))));
        const auto q = basis(y);
        const auto small = timesTurned(counts, q); // [words, wide] = (Q^T M)^T
        const auto [u, s, v] = at::linalg_svd(small, false);
        if (stop.stop_requested())
            return fail(ErrorCode::Halted, "The training was stopped; nothing was written");
        LatentSpace space;
        space.dims = static_cast<std::size_t>(dims);
        // M = Q V S U^T: products Q V S, words U.
        const auto products =
            unitRows(at::mm(q, v.t()).narrow(1, 0, dims).mul(s.narrow(0, 0, dims)));
        space.products = copied(products);
        if (withWords)
            space.words = copied(u.narrow(1, 0, dims));
        const auto count =
            std::clamp<std::int64_t>(n / options.perGroup, 2, std::min(kMostGroups, n));
        const auto group = groupsOf(products, count, stop);
        space.groups = static_cast<std::size_t>(count);
        space.group.resize(index.products());
        const auto *numbers = group.data_ptr<std::int64_t>();
        std::transform(numbers, numbers + n, space.group.begin(),
                       [](std::int64_t g) { return static_cast<std::uint32_t>(g); });
        return space;
    });
}

} // namespace engine
