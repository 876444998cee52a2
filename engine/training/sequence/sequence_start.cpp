#include "engine/training/sequence/sequence_start.h"

#include "engine/training/mf/spectrum.h"

#include <algorithm>
#include <cmath>

namespace engine {
namespace {

/// Half-way between plain counts and a cosine on both sides, as family mf has it.
constexpr double kShopperPower = 0.25, kItemPower = 0.4;
constexpr int kIterations = 4;

} // namespace

at::Tensor freshWeights(const SequenceNet &net, const Dataset &train,
                        const std::vector<std::uint8_t> &heldOut, const SequenceOptions &options,
                        const std::stop_token &stop)
{
    auto flat = net.start(options.seed);
    if (options.start != "spectrum")
        return flat;
    const auto d = static_cast<std::int64_t>(options.factors);
    const auto matrix = takenMatrix(shopperRows(train, heldOut), kShopperPower, kItemPower);
    // One thread: the same bytes whatever the order says.
    const auto found = leadingSpectrum(matrix, options.factors, kIterations, options.seed, 1, stop);
    if (!found)
        return flat;
    const auto rank = found->values.size(0);
    const auto vectors = found->right.mul(found->values).contiguous();
    const double norm = vectors.norm().item<double>();
    if (!(norm > 0))
        return flat;
    const double scale =
        options.startScale * std::sqrt(static_cast<double>(vectors.size(0) * rank)) / norm;
    const float *from = vectors.data_ptr<float>();
    float *to = flat.data_ptr<float>(); // the items are the first part
    for (std::int64_t i = 0; i < vectors.size(0); ++i) {
        for (std::int64_t k = 0; k < rank; ++k)
            to[i * d + k] += static_cast<float>(scale) * from[i * rank + k];
    }
    return flat;
}

} // namespace engine
