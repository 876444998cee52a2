#include "engine/training/mf/mix_judge.h"

#include "engine/data/parallel.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace engine {
namespace {

constexpr std::size_t kBlock = 16; ///< shoppers whose scores are made together

#if defined(__x86_64__) && defined(__GNUC__)
#define DRILLROOM_CLONES __attribute__((target_clones("avx2", "default")))
#else
#define DRILLROOM_CLONES
#endif

DRILLROOM_CLONES void addScaled(float *out, const float *in, float scale, std::size_t count)
{
    for (std::size_t i = 0; i < count; ++i)
        out[i] += scale * in[i];
}

DRILLROOM_CLONES void multiply(float *out, const float *scale, std::size_t count)
{
    for (std::size_t i = 0; i < count; ++i)
        out[i] *= scale[i];
}

DRILLROOM_CLONES std::size_t notBelow(const float *scores, std::size_t count, float mark)
{
    unsigned rank = 0;
    for (std::size_t i = 0; i < count; ++i)
        rank += !(scores[i] < mark) ? 1u : 0u;
    return rank;
}

double ndcg(const float *scores, std::size_t items, const std::vector<std::int64_t> &known,
            const std::vector<std::uint32_t> &labels, std::size_t cutoff)
{
    double dcg = 0, ideal = 0;
    for (std::size_t l = 0; l < labels.size(); ++l) {
        const float mark = scores[labels[l]];
        auto rank = notBelow(scores, items, mark);
        for (const auto item : known)
            rank -= !(scores[static_cast<std::size_t>(item)] < mark) ? 1 : 0;
        if (rank <= cutoff)
            dcg += 1.0 / std::log2(1.0 + static_cast<double>(rank));
        if (l < cutoff)
            ideal += 1.0 / std::log2(2.0 + static_cast<double>(l));
    }
    return dcg / ideal;
}

} // namespace

std::vector<double> judgeMixes(const ValidationSet &set, std::span<const ScoredPart> parts,
                               std::span<const Mix> mixes, std::size_t cutoff, unsigned threads)
{
    const auto shoppers = set.shoppers();
    if (shoppers == 0 || parts.empty())
        return std::vector<double>(mixes.size(), 0.0);
    const auto stride = parts.front().candidates->stride();
    const auto items = parts.front().candidates->items();
    std::vector<double> values(mixes.size() * shoppers);
    forChunks(shoppers, kBlock, threads, [&](std::size_t first, std::size_t end) {
        const auto count = end - first;
        std::vector<float> scores(parts.size() * count * stride), mixed(stride);
        for (std::size_t p = 0; p < parts.size(); ++p) {
            const auto width = parts[p].candidates->factors();
            parts[p].candidates->product({parts[p].shoppers.data() + first * width, count * width},
                                         {scores.data() + p * count * stride, count * stride});
        }
        for (std::size_t m = 0; m < mixes.size(); ++m) {
            for (std::size_t s = 0; s < count; ++s) {
                std::fill(mixed.begin(), mixed.end(), 0.0f);
                for (std::size_t p = 0; p < parts.size(); ++p) {
                    if (mixes[m].weights[p] != 0)
                        addScaled(mixed.data(), scores.data() + (p * count + s) * stride,
                                  mixes[m].weights[p], stride);
                }
                if (mixes[m].itemScale != nullptr)
                    multiply(mixed.data(), mixes[m].itemScale->data(), items);
                values[m * shoppers + first + s] =
                    ndcg(mixed.data(), items, set.known[first + s], set.labels[first + s], cutoff);
            }
        }
    });
    std::vector<double> means;
    for (std::size_t m = 0; m < mixes.size(); ++m) {
        const auto begin = values.begin() + static_cast<std::ptrdiff_t>(m * shoppers);
        means.push_back(std::accumulate(begin, begin + static_cast<std::ptrdiff_t>(shoppers), 0.0)
                        / static_cast<double>(shoppers));
    }
    return means;
}

} // namespace engine
