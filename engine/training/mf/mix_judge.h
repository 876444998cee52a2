#pragma once
// NDCG of many mixes of the same score parts over the validation shoppers in one pass: every item
// ranked, history masked, ties against the model. The number of threads changes no figure. No
// LibTorch here.

#include "engine/scoring/kernels.h"
#include "engine/training/mf/carve.h"

namespace engine {

struct ScoredPart
{
    const ItemPanels *candidates = nullptr;
    std::vector<float> shoppers; ///< [validation shoppers, factors]
};

/// score(i) = itemScale[i] * sum over parts of weight * (shopper . candidate i)
struct Mix
{
    std::vector<float> weights;                    ///< one per part; 0 leaves it out
    const std::vector<float> *itemScale = nullptr; ///< [items]; none: 1
};

/// Mean NDCG@cutoff of each mix.
[[nodiscard]] std::vector<double> judgeMixes(const ValidationSet &set,
                                             std::span<const ScoredPart> parts,
                                             std::span<const Mix> mixes, std::size_t cutoff,
                                             unsigned threads);

} // namespace engine
