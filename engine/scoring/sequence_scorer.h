#pragma once
// The causal transformer of engine/training/sequence, for requests: the newest items of a history
// go through the blocks one history at a time, then every item scores its embedding times the
// output. All sums are ours and have one order (kernels.h), so a history has the same scores, to
// the last bit, alone and in a batch, offline and live, on every x86-64. No LibTorch. A history
// with no known item scores by popularity. Package: sequence_weights.h.

#include "engine/scoring/full_scorer.h"
#include "engine/scoring/int8_panels.h"
#include "engine/scoring/kernels.h"
#include "engine/scoring/sequence_weights.h"

#include <optional>

namespace engine {

class SequenceScorer final : public FullScorer
{
public:
    [[nodiscard]] static Result<std::unique_ptr<SequenceScorer>> open(const Package &package);

    [[nodiscard]] Result<> scoreAll(std::span<const std::vector<std::int64_t>> histories,
                                    std::span<float> out) const override;
    [[nodiscard]] std::uint32_t items() const override { return m_itemCount; }
    [[nodiscard]] std::size_t stride() const override
    {
        return m_int8 ? m_int8->stride() : m_items->stride();
    }

private:
    struct Layer ///< y = x W^T + b
    {
        ItemPanels weight;
        std::vector<float> bias;
        /// x [rows, in] -> [rows, out], packed.
        [[nodiscard]] std::vector<float> operator()(std::span<const float> x) const;
    };
    struct Norm
    {
        std::vector<float> weight, bias;
        [[nodiscard]] std::vector<float> operator()(std::span<const float> x) const;
    };
    struct Block
    {
        Norm norm1, norm2;
        Layer queries, keysValues, out, wide, narrow;
    };

    SequenceScorer(const Package &package, SequenceWeights weights);
    /// The output [d] for known items, oldest first, at most as many as are read.
    [[nodiscard]] std::vector<float> encode(std::span<const std::int64_t> history) const;
    /// Attention of `queries` [q, d], the last q of the positions, over keysValues [n, 2d].
    [[nodiscard]] std::vector<float> attend(std::span<const float> queries,
                                            std::span<const float> keysValues) const;
    void itemRow(std::size_t item, float *out) const;

    std::uint32_t m_itemCount;
    std::size_t m_factors, m_heads, m_length;
    bool m_masked;
    std::vector<float> m_positions, m_mask, m_counts;
    std::optional<ItemPanels> m_items; ///< one of the two
    std::optional<Int8Panels> m_int8;
    std::vector<float> m_rows; ///< with m_int8: the items as floats, for what enters
    std::vector<Block> m_blocks;
    Norm m_norm;
};

} // namespace engine
