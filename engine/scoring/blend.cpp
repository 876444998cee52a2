#include "engine/scoring/blend.h"

#include "engine/base/exact_math.h"
#include "engine/scoring/kernels.h"

#include <algorithm>
#include <cassert>

namespace engine {
namespace {

/// (1 + age)^-decay, scaled so that the weights of a history sum to its length: the ridge keeps its
/// meaning.
void ageWeights(std::size_t count, double decay, std::vector<double> &out)
{
    out.assign(count, 1.0);
    if (decay == 0)
        return;
    double sum = 0;
    for (std::size_t age = 0; age < count; ++age) {
        out[age] = exact::pow(static_cast<double>(1 + age), -decay);
        sum += out[age];
    }
    for (auto &weight : out)
        weight *= static_cast<double>(count) / sum;
}

void weightedSum(std::span<const float> rows, std::span<const double> weights, std::span<float> out,
                 std::vector<double> &sums)
{
    const std::size_t width = out.size();
    sums.assign(width, 0.0);
    for (std::size_t r = 0; r < weights.size(); ++r) {
        const float *row = rows.data() + r * width;
        for (std::size_t k = 0; k < width; ++k)
            sums[k] += weights[r] * static_cast<double>(row[k]);
    }
    std::transform(sums.begin(), sums.end(), out.begin(),
                   [](double sum) { return static_cast<float>(sum); });
}

} // namespace

std::vector<std::int64_t> newestFirst(std::span<const std::int64_t> history, std::uint32_t items)
{
    struct Seen
    {
        std::int64_t item;
        std::size_t age;
    };
    std::vector<Seen> seen;
    seen.reserve(history.size());
    for (std::size_t i = history.size(); i-- > 0;) {
        if (history[i] >= 0 && history[i] < static_cast<std::int64_t>(items))
            seen.push_back({history[i], history.size() - i});
    }
    std::sort(seen.begin(), seen.end(), [](const Seen &a, const Seen &b) {
        return a.item < b.item || (a.item == b.item && a.age < b.age);
    });
    seen.erase(std::unique(seen.begin(), seen.end(),
                           [](const Seen &a, const Seen &b) { return a.item == b.item; }),
               seen.end());
    std::sort(seen.begin(), seen.end(), [](const Seen &a, const Seen &b) { return a.age < b.age; });
    std::vector<std::int64_t> out(seen.size());
    std::transform(seen.begin(), seen.end(), out.begin(), [](const Seen &s) { return s.item; });
    return out;
}

bool partVector(const BlendPart &part, std::uint32_t items, std::span<const float> rows,
                std::span<float> out, BlendScratch &scratch)
{
    const std::size_t count = rows.size() / part.width;
    assert(count >= 1 && out.size() == part.width && part.spectrum.size() == part.width);
    ageWeights(count, part.decay, scratch.weights);
    if (part.kind == BlendPart::Kind::Sum) {
        weightedSum(rows, scratch.weights, out, scratch.work);
    } else {
        const double seen = static_cast<double>(count) + part.alpha0 * static_cast<double>(items);
        const double ridge = part.lambda * exact::pow(seen, part.nu);
        scratch.shared.resize(part.width);
        std::transform(part.spectrum.begin(), part.spectrum.end(), scratch.shared.begin(),
                       [&](double value) { return part.alpha0 * value + ridge; });
        if (!foldInDiagonal(rows, part.width, scratch.weights, scratch.shared, out, scratch.work))
            return false;
    }
    double square = 0;
    for (std::size_t k = 0; k < part.width; ++k)
        square += part.spectrum[k] * static_cast<double>(out[k]) * static_cast<double>(out[k]);
    square /= static_cast<double>(items);
    const auto scale = square > 0 ? static_cast<float>(part.weight / exact::sqrt(square)) : 0.0f;
    for (auto &value : out)
        value *= scale;
    return true;
}

} // namespace engine
