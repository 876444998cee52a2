#pragma once
// What every recommender has in common: it learns from a Dataset, carries its item ids in the
// package (`items.txt`, one id per line, in the order of the item numbers), is judged by full
// ranking, and answers histories. A recommender implements trainOn().

#include "engine/training/family.h"

namespace engine {

class RecommenderFamily : public Family
{
public:
    /// `valid` is one list per shopper of `train`, the same shoppers in the same order and the same
    /// item numbers: the items that come next; without shoppers: carve it from `train` (the last
    /// item of each shopper). items.txt and an empty featureSchema are filled in by the caller. For
    /// finetune, `train` has the item numbers of order.initial, new items after them.
    [[nodiscard]] virtual Result<TrainedModel> trainOn(const Dataset &train, const Dataset &valid,
                                                       const TrainOrder &order,
                                                       TrainMonitor &monitor) const = 0;

    [[nodiscard]] Result<TrainedModel> train(const TrainOrder &order,
                                             TrainMonitor &monitor) const final;
    [[nodiscard]] Result<Evaluation> evaluate(const Package &package, const EvalOrder &order,
                                              TrainMonitor &monitor) const final;
    [[nodiscard]] Result<Answered> answer(const Package &package, const AnswerOrder &order,
                                          TrainMonitor &monitor) const final;
};

/// Formats and columns of all recommenders, for help().
[[nodiscard]] std::string recommenderFormats();

} // namespace engine
