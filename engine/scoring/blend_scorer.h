#pragma once
// A blended mf model: factors that are folded in, and linear parts, side by side (blend.h). A
// history with no known item scores by popularity. Package tensors: items F32 [n, D], candidate
// vectors of all parts in the order factors, spectral, transition; spectrum F32 [D], their columns'
// sums of squares; history F32 [n, spectral + transition], absent when both are 0; counts I64 [n].
// Settings: factors, spectral, transition (widths, 0 = no such part), PART_weight, PART_decay,
// alpha0, lambda, nu.

#include "engine/scoring/blend.h"
#include "engine/scoring/full_scorer.h"
#include "engine/scoring/kernels.h"

namespace engine {

class BlendScorer final : public FullScorer
{
public:
    /// Checks shapes, settings, that every number is finite, that the spectrum belongs to the items
    /// and that the factors stand in the eigenbasis of their Gram matrix.
    [[nodiscard]] static Result<std::unique_ptr<BlendScorer>> open(const Package &package);

    [[nodiscard]] Result<> scoreAll(std::span<const std::vector<std::int64_t>> histories,
                                    std::span<float> out) const override;
    [[nodiscard]] std::uint32_t items() const override
    {
        return static_cast<std::uint32_t>(m_items.items());
    }
    [[nodiscard]] std::size_t stride() const override { return m_items.stride(); }

private:
    BlendScorer(const Package &package, ItemPanels panels);
    [[nodiscard]] bool shopperVector(std::span<const std::int64_t> newest, std::span<float> out,
                                     std::vector<float> &rows, BlendScratch &scratch) const;
    ItemPanels m_items;
    std::vector<BlendPart> m_parts;
    std::vector<float> m_history; ///< [n, widths of the sums], row-major
    std::size_t m_historyWidth = 0;
    std::vector<float> m_counts; ///< for histories without known items
};

} // namespace engine
