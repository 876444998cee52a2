#pragma once
// The popularity model behind the Scorer interface: the same list for everybody, less what the
// shopper has. Package tensor: counts I64 [n].

#include "engine/scoring/full_scorer.h"

namespace engine {

class PopularityScorer final : public FullScorer
{
public:
    [[nodiscard]] static Result<std::unique_ptr<PopularityScorer>> open(const Package &package);
    [[nodiscard]] Result<> scoreAll(std::span<const std::vector<std::int64_t>> histories,
                                    std::span<float> out) const override;
    [[nodiscard]] std::uint32_t items() const override
    {
        return static_cast<std::uint32_t>(m_counts.size());
    }
    [[nodiscard]] std::size_t stride() const override { return m_counts.size(); }

private:
    using FullScorer::FullScorer;
    std::vector<float> m_counts;
};

} // namespace engine
