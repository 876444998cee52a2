#pragma once
// Full-ranking evaluation of a packaged model: every item is scored, the history is masked, ties
// count against the model, nothing is sampled (Krichene & Rendle, KDD 2020). Works in blocks, far
// below 1 GB.

#include "engine/base/clock.h"
#include "engine/data/split.h"
#include "engine/scoring/full_scorer.h"

#include <functional>
#include <map>
#include <stop_token>

namespace engine {

struct Evaluation
{
    std::map<std::string, double> metrics; ///< ndcg@10, ndcg@20, hr@10, recall@10, recall@20, mrr
    std::map<std::string, double> standardErrors; ///< of the means over shoppers
    std::size_t users = 0;                        ///< shoppers with at least one test item
    double seconds = 0;
};

/// The test rows of a split as one list of items per shopper, for `evaluate`.
[[nodiscard]] Dataset testPart(const Dataset &whole, const Split &split);

/// `history` and `test` have the same shoppers in the same order; test items that the history
/// already holds are left out of the relevant ones.
[[nodiscard]] Result<Evaluation> evaluate(const FullScorer &model, const Dataset &history,
                                          const Dataset &test, const Clock &clock,
                                          const std::function<void(std::size_t)> &onShoppers = {},
                                          std::stop_token stop = {});

} // namespace engine
