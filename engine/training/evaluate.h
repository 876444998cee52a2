#pragma once
// Full-ranking evaluation of a packaged model: every item is scored, the history is masked, ties
// count against the model, nothing is sampled (Krichene & Rendle, KDD 2020). Works in blocks, far
// below 1 GB.

#include "engine/base/clock.h"
#include "engine/data/split.h"
#include "engine/scoring/full_scorer.h"
#include "engine/training/bootstrap.h"

#include <functional>
#include <map>
#include <stop_token>

namespace engine {

/// Quality on a part of the test.
struct SegmentQuality
{
    std::size_t users = 0;
    std::map<std::string, double> metrics;
    std::map<std::string, Interval> intervals; ///< 95 %, bootstrap over users
};

/// What every family gives back from judging a package; the names of the metrics are its own.
struct Evaluation
{
    std::map<std::string, double> metrics; ///< recommenders: ndcg@10, hr@10, recall@10, ... mrr
    std::map<std::string, double> standardErrors; ///< of the means over users
    std::map<std::string, Interval> intervals;    ///< 95 %, bootstrap over users
    /// Recommenders: head, torso, tail (test items among the most taken that make up the first,
    /// second, last third of the history's events), cold (users with fewer than kColdItems).
    std::map<std::string, SegmentQuality> segments;
    std::map<std::string, std::uint64_t> counts; ///< "unknown items" -> how many
    std::size_t users = 0;                       ///< users (queries, rows) judged
    double seconds = 0;
};

inline constexpr std::size_t kColdItems = 5;

struct EvaluateOptions
{
    unsigned threads = 1;   ///< changes no figure
    std::uint64_t seed = 1; ///< of the bootstrap
    /// Relevant items per shopper that the model does not know: they count as missed.
    std::vector<std::uint32_t> missed;
    std::function<void(double part)> progress; ///< on the calling thread
    std::stop_token stop;
};

/// The test rows of a split as one list of items per shopper, for `evaluate`.
[[nodiscard]] Dataset testPart(const Dataset &whole, const Split &split);

/// `history` and `test` have the same shoppers in the same order; test items that the history
/// already holds are left out of the relevant ones and counted.
[[nodiscard]] Result<Evaluation> evaluate(const FullScorer &model, const Dataset &history,
                                          const Dataset &test, const Clock &clock,
                                          const EvaluateOptions &options = {});

} // namespace engine
