#pragma once
// Boosts trees for clicks on encoded rows: the numbers as they are, each category by its frequency
// and by the smoothed log-odds of its values. A training row's log-odds are counted without a fifth
// of the rows, the one that it lies in, so that a tree cannot read a row's own label. The result
// does not depend on the number of threads. One thread calls.

#include "engine/base/clock.h"
#include "engine/scoring/ctr_scorer.h"
#include "engine/training/ctr/click_rows.h"

#include <functional>

namespace engine {

struct TreeOptions
{
    int leaves = 15, leastRows = 20, rounds = 3000, patience = 60;
    double rate = 0.03, columns = 0.5, rows = 0.8, ridge = 5.0;
    double smoothing = 20; ///< rows' worth of belief that a value is like all others
    std::uint64_t seed = 1;
    int threads = 1;
};

struct TrainedTrees
{
    TreeSet set;
    std::vector<double> validationLogits; ///< of the validation rows, in their order
    double bestLoss = 0;
};

/// `onRound` gets the number of trees and the validation loss and says whether to go on.
[[nodiscard]] TrainedTrees trainTrees(const ClickRows &rows, const FeatureEncoder &encoder,
                                      std::span<const std::uint32_t> train,
                                      std::span<const std::uint32_t> validation,
                                      const TreeOptions &options,
                                      const std::function<bool(int, double)> &onRound);

} // namespace engine
