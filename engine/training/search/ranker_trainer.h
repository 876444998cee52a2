#pragma once
// Learns to rank from judged queries or from rows of features. Which of BM25, trees and nets
// counts, and how much, is decided by cross-validation over the queries given, never by any other;
// a ranker that does not clearly beat BM25 there is left out. LibTorch trains the nets, plain loops
// the trees. One thread.

#include "engine/scoring/ranker_model.h"
#include "engine/scoring/search_features.h"
#include "engine/training/search/judgments.h"
#include "engine/training/search/listwise_nets.h"
#include "engine/training/search/tree_trainer.h"
#include "engine/training/train_monitor.h"

namespace engine {

struct RankerOptions
{
    RankTreeOptions trees;
    /// Judged queries: LambdaRank and squared error on the grades are both cross-validated, and
    /// the better one trains; else trees.isLambda says which.
    bool triesBothLosses = false;
    ListNetOptions nets;
    int folds = 5;
    /// Candidates that nobody judged and that train as grade 0, per query: the ranking is over the
    /// whole catalogue, and what was not even worth judging is mostly no answer.
    int negatives = 60;
    double negativeWeight = 1;
    std::string parts = "auto"; ///< auto, bm25, trees, nets, both
    std::uint64_t seed = 1;
};

/// One query's rows: all candidates and all judged products, whose numbers are known.
struct QueryRows
{
    std::string text;
    std::vector<std::uint32_t> products;
    std::vector<float> values; ///< products x features
    std::vector<float> grades; ///< -1: not judged
    std::vector<double> bm25;  ///< of BM25 alone
    std::uint64_t unknown = 0; ///< judged products that the catalogue does not have
    /// Grades of all judgments, unknown products too: what an ideal list would hold.
    std::vector<float> ideal;
    [[nodiscard]] bool hasRelevant() const;
};

[[nodiscard]] QueryRows queryRows(const SearchFeatures &features, const SearchIndex &index,
                                  const JudgedQuery &judged);

/// nDCG@k of a query's rows ordered by `scores`, over everything (unjudged counts 0) or over judged
/// products alone; ties by product number.
[[nodiscard]] double queryNdcg(const QueryRows &rows, std::span<const double> scores, std::size_t k,
                               bool isCondensed);

struct TrainedRanker
{
    RankerModel model;
    std::map<std::string, double> metrics; ///< of the cross-validation
};

/// From the queries with a relevant product among `queries`; fewer than 10: BM25 alone.
[[nodiscard]] Result<TrainedRanker> trainRanker(std::span<const QueryRows *const> queries,
                                                const RankerOptions &options,
                                                TrainMonitor &monitor);
/// From rows of features: no BM25 to lean on. `valid` rows, if there are any, choose instead of
/// cross-validation.
[[nodiscard]] Result<TrainedRanker> trainRanker(const RankingRows &rows, const RankingRows *valid,
                                                const RankerOptions &options,
                                                TrainMonitor &monitor);

} // namespace engine
