#pragma once
// Trains a whole click model on encoded rows: boosted trees and nets on each fold, early stopping
// on the rows that the fold leaves out, and from the predictions for those rows the blend and the
// calibration. What is trained on a fold is kept: the model is the mean of its folds. Parts are
// trained side by side, and a checkpoint holds the finished ones. One thread calls.

#include "engine/training/ctr/net_trainer.h"
#include "engine/training/ctr/tree_trainer.h"

namespace engine {

struct ClickOptions
{
    std::string models = "both";      ///< both, net, trees
    std::string calibration = "auto"; ///< auto, temperature, isotonic
    int folds = 5;                    ///< 1: one hold-out
    double holdOut = 0.1;             ///< share of the rows, with one fold
    int members = 1;                  ///< nets of other seeds per fold
    NetOptions net;
    TreeOptions trees;
    SchemaRules schema;
    std::uint64_t seed = 1;
    int threads = 1;
};

/// Sizes for so many rows; `isSparse`: a bag of indices, which trees cannot read.
[[nodiscard]] ClickOptions defaultClickOptions(std::size_t rows);
/// Reads the settings of a recipe over the defaults.
[[nodiscard]] Result<ClickOptions> clickOptions(const Recipe &recipe, std::size_t rows);

struct ClickModel
{
    ClickNetShape shape;
    std::vector<ClickNet> nets;
    std::vector<TreeSet> treeSets;
    Blend blend;
    std::map<std::string, double> validation; ///< clickMetrics of the left-out rows
    double netLoss = 0, treeLoss = 0;         ///< log-loss of each kind alone; 0: none
    double netRowsPerSecond = 0;              ///< of one net
};

/// Row numbers of one fold.
struct ClickFold
{
    std::vector<std::uint32_t> train, validation;
};
/// Stratified by label, groups whole, drawn from the seed: each row is in one validation part
/// (folds > 1), or a share of the rows is the only one (folds = 1).
[[nodiscard]] std::vector<ClickFold> drawFolds(const ClickRows &rows, int folds, double holdOut,
                                               std::uint64_t seed);

/// `folds`: from drawFolds, or a single one whose validation rows are somebody else's.
[[nodiscard]] Result<ClickModel> trainClicks(const ClickRows &rows, const FeatureEncoder &encoder,
                                             std::span<const ClickFold> folds,
                                             const ClickOptions &options, TrainMonitor &monitor);

/// The model's probability for an encoded row, as CtrScorer gives it.
[[nodiscard]] double modelProbability(const ClickModel &model, const FeatureEncoder &encoder,
                                      const EncodedRow &row, CtrScratch &scratch);

} // namespace engine
