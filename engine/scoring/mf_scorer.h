#pragma once
// Matrix factorisation that needs no shopper factors: a shopper's history is folded in per request,
// u = (alpha0 V^T V + lambda_eff I + sum v v^T)^-1 sum v with lambda_eff = lambda (|I_u| + alpha0
// |I|)^nu, then every item scores v . u (Rendle et al., "iALS++ / Revisiting iALS", 2021). A
// history with no known item scores by popularity. Package tensors: items F32 [n, d], gram F32 [d,
// d] = V^T V, counts I64 [n]; settings alpha0, lambda, nu.

#include "engine/scoring/full_scorer.h"
#include "engine/scoring/kernels.h"

namespace engine {

class MfScorer final : public FullScorer
{
public:
    /// Checks shapes, settings, that every number is finite, and that gram belongs to items.
    [[nodiscard]] static Result<std::unique_ptr<MfScorer>> open(const Package &package);

    [[nodiscard]] Result<> scoreAll(std::span<const std::vector<std::int64_t>> histories,
                                    std::span<float> out) const override;
    [[nodiscard]] std::uint32_t items() const override
    {
        return static_cast<std::uint32_t>(m_items.items());
    }
    [[nodiscard]] std::size_t stride() const override { return m_items.stride(); }

private:
    MfScorer(const Package &package, ItemPanels panels);
    ItemPanels m_items;
    std::vector<double> m_gram;  ///< alpha0 V^T V, row-major
    std::vector<float> m_counts; ///< for histories without known items
    double m_alpha0 = 0, m_lambda = 0, m_nu = 0;
};

} // namespace engine
