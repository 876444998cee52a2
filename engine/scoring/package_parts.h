#pragma once
// What every scorer asks of a package when it is opened, and how it says no.

#include "engine/model/package.h"

#include <algorithm>
#include <span>

namespace engine {

[[nodiscard]] inline tl::unexpected<Error> refuseModel(const std::string &why)
{
    return fail(ErrorCode::InvalidInput, "The model cannot be used: " + why);
}

[[nodiscard]] inline Result<double> settingOf(const Package &package, const std::string &name,
                                              double least, double most)
{
    const auto at = package.manifest.settings.find(name);
    if (at == package.manifest.settings.end() || !(at->second >= least && at->second <= most))
        return refuseModel("the setting " + name + " is missing or out of range");
    return at->second;
}

/// A view of an F32 tensor in the verified buffer; nothing is copied.
[[nodiscard]] inline std::span<const float> floatsOf(const Package &package,
                                                     const TensorEntry &entry)
{
    return {reinterpret_cast<const float *>(package.weights.data() + entry.offset),
            entry.bytes / sizeof(float)};
}

/// The I64 tensor `counts` as scores for shoppers without a known history; zeros up to `stride`.
[[nodiscard]] inline std::vector<float>
popularityScores(const Package &package, const TensorEntry &counts, std::size_t stride)
{
    const auto *shoppers =
        reinterpret_cast<const std::int64_t *>(package.weights.data() + counts.offset);
    std::vector<float> scores(stride, 0.0f);
    std::transform(shoppers, shoppers + counts.bytes / sizeof(std::int64_t), scores.begin(),
                   [](std::int64_t count) { return static_cast<float>(count); });
    return scores;
}

} // namespace engine
