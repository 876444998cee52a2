#include "engine/scoring/popularity_scorer.h"

#include "engine/scoring/package_parts.h"

#include <algorithm>

namespace engine {

Result<std::unique_ptr<PopularityScorer>> PopularityScorer::open(const Package &package)
{
    const auto *counts = package.find("counts");
    if (counts == nullptr || counts->dtype != "I64" || counts->shape.size() != 1
        || counts->shape[0] < 1 || counts->shape[0] > INT32_MAX)
        return refuseModel("family popularity needs counts I64 [n]");
    std::unique_ptr<PopularityScorer> scorer(new PopularityScorer(package));
    scorer->m_counts =
        popularityScores(package, *counts, static_cast<std::size_t>(counts->shape[0]));
    return scorer;
}

Result<> PopularityScorer::scoreAll(std::span<const std::vector<std::int64_t>> histories,
                                    std::span<float> out) const
{
    for (std::size_t h = 0; h < histories.size(); ++h)
        std::copy(m_counts.begin(), m_counts.end(),
                  out.begin() + static_cast<std::ptrdiff_t>(h * stride()));
    return {};
}

} // namespace engine
