#pragma once
// The parts of a blended model while it is trained: how a part's vectors come from factors or from
// singular vectors, and its scores' ingredients for the validation shoppers. LibTorch inside.

#include "engine/scoring/blend.h"
#include "engine/training/mf/half_step.h"
#include "engine/training/mf/mix_judge.h"
#include "engine/training/mf/spectrum.h"

namespace engine {

/// Row-major [items, part.width]; `history` is empty for a fold-in, which takes the candidates.
struct BuiltPart
{
    BlendPart part;
    std::vector<float> candidates, history;

    void computeSpectrum(std::size_t items);
    [[nodiscard]] std::span<const float> historyRow(std::size_t item) const
    {
        return std::span(history.empty() ? candidates : history)
            .subspan(item * part.width, part.width);
    }
};

/// Factors turned into the eigenbasis of their Gram matrix, the largest first, `factors` of them.
[[nodiscard]] BuiltPart factorPart(const at::Tensor &items, int factors, const Ridge &ridge);

/// What a linear part is built from: history row i = historyScale[i] left[i] values^filter,
/// candidate i = candidateScale[i] right[i].
struct LinearSource
{
    Spectrum spectrum;
    std::vector<double> historyDegree, candidateDegree; ///< per item; 0 = unknown to this part
};
struct LinearChoice
{
    double historyPower = 0, candidatePower = 0, filter = 0, decay = 0;
};
[[nodiscard]] BuiltPart linearPart(const LinearSource &source, const LinearChoice &choice);

/// The validation shoppers' vectors of a part, [shoppers, width].
[[nodiscard]] std::vector<float> partVectors(const BuiltPart &built, const ValidationSet &set,
                                             std::uint32_t items, unsigned threads);

} // namespace engine
