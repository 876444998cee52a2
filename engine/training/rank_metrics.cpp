#include "engine/training/rank_metrics.h"

#include <algorithm>

namespace engine {

std::size_t rankAgainstModel(std::span<const float> scores, std::span<const std::int64_t> masked,
                             std::uint32_t label)
{
    if (std::binary_search(masked.begin(), masked.end(), static_cast<std::int64_t>(label)))
        return scores.size() + 1;
    const float mark = scores[label];
    // Written as "not below", so that NaN counts against the model too.
    std::size_t rank = 0;
    for (const float score : scores)
        rank += !(score < mark) ? 1 : 0;
    for (const auto item : masked)
        rank -= !(scores[static_cast<std::size_t>(item)] < mark) ? 1 : 0;
    return rank;
}

} // namespace engine
