#pragma once
// Scores rows with a package of family ctr: the mean of its nets and the mean of its boosted trees,
// both in log-odds, blended and calibrated. Package: features.bin (FeatureSchema); netK.*
// (ClickNet), treesK.* (TreeModel) with treesK.means; calibration F32 [points, 2] (optional:
// isotonic, probability in -> out); settings nets, tree sets, dimension, hidden, layers, dots,
// concat, blend bias, blend trees, blend nets. Immutable; any thread.

#include "engine/model/row_scorer.h"
#include "engine/scoring/click_net.h"
#include "engine/scoring/tree_model.h"

#include <array>

namespace engine {

/// What the trees see of a row: the numbers, then for each category how frequent its value is (its
/// place in the vocabulary, NaN for an unseen one) and the log-odds of its value (`means`).
[[nodiscard]] std::size_t treeFeatures(const FeatureEncoder &encoder);
void fillTreeRow(const FeatureEncoder &encoder, std::span<const float> numbers,
                 std::span<const std::uint32_t> codes, std::span<const float> means,
                 std::span<float> out);

struct TreeSet
{
    TreeModel trees;
    std::vector<float> means; ///< by code of the category fields
};

/// How two log-odds become one probability. Points rise in both coordinates.
struct Blend
{
    double bias = 0, trees = 0, nets = 1;
    std::vector<std::array<float, 2>> points; ///< empty: none

    [[nodiscard]] double probability(double treeLogit, double netLogit) const;
};

/// 1 / (1 + e^-z) with the same bits on every machine, kept inside [1e-7, 1 - 1e-7].
[[nodiscard]] double clickProbability(double logit);
/// Piecewise linear, flat outside.
[[nodiscard]] double interpolate(std::span<const std::array<float, 2>> points, double x);

struct CtrScratch
{
    ClickNet::Scratch net;
    std::vector<float> treeRow;
};
/// The probability of one encoded row: what training, evaluation and serving all call.
[[nodiscard]] double blendedProbability(const FeatureEncoder &encoder,
                                        std::span<const ClickNet> nets,
                                        std::span<const TreeSet> treeSets, const Blend &blend,
                                        const EncodedRow &row, CtrScratch &scratch);

class CtrScorer final : public RowScorer
{
public:
    [[nodiscard]] static Result<std::unique_ptr<CtrScorer>> open(const Package &package);

    [[nodiscard]] const std::vector<std::string> &columns() const override
    {
        return m_encoder.columns();
    }
    [[nodiscard]] Result<RowAnswers>
    predict(std::span<const std::vector<std::string>> rows) const override;
    [[nodiscard]] std::string version() const override { return m_version; }
    [[nodiscard]] std::string digest() const override { return m_digest; }
    [[nodiscard]] std::string family() const override { return "ctr"; }

    [[nodiscard]] const FeatureEncoder &encoder() const { return m_encoder; }
    [[nodiscard]] double probability(const EncodedRow &row, CtrScratch &scratch) const
    {
        return blendedProbability(m_encoder, m_nets, m_treeSets, m_blend, row, scratch);
    }

private:
    explicit CtrScorer(FeatureEncoder encoder) : m_encoder(std::move(encoder)) {}
    FeatureEncoder m_encoder;
    std::vector<ClickNet> m_nets;
    std::vector<TreeSet> m_treeSets;
    Blend m_blend;
    std::string m_version, m_digest;
};

} // namespace engine
