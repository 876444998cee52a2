#pragma once
// Gradient-boosted regression trees for ranking: histograms of at most 64 bins per feature, leaves
// split best first, either squared error on the grades (MART) or LambdaRank gradients (Burges,
// "From RankNet to LambdaRank to LambdaMART", 2010). Each tree sees a drawn share of the queries
// and of the features; several such forests are averaged. One thread, plain loops: the same rows,
// options and seed give the same trees anywhere.

#include "engine/scoring/tree_model.h"
#include "engine/training/search/ranking_rows.h"

#include <stop_token>

namespace engine {

struct RankTreeOptions
{
    bool isLambda = false; ///< else squared error
    int trees = 150;       ///< per forest
    int leaves = 7, forests = 5;
    double rate = 0.05, l2 = 10;
    int leastRows = 30; ///< in a leaf
    double featureShare = 0.3, queryShare = 0.75;
    int depth = 20; ///< LambdaRank: pairs with one of the first `depth` documents count
    std::uint64_t seed = 1;
};

/// Roots are ordered round by round (the first tree of every forest, the second ...), so that a
/// prefix of `forests` x n roots is the model after n rounds. Empty when stopped.
[[nodiscard]] TreeModel trainTrees(const RankingRows &rows, const RankTreeOptions &options,
                                   std::stop_token stop = {});

} // namespace engine
