#include "engine/training/sequence/sequence_family.h"

#include "engine/training/sequence/sequence_training.h"

namespace engine {
namespace {

constexpr std::size_t kFewEvents = 20'000;

class SequenceFamily final : public RecommenderFamily
{
public:
    [[nodiscard]] std::string name() const override { return "sequence"; }
    [[nodiscard]] std::string help() const override;
    [[nodiscard]] Result<TrainedModel> trainOn(const Dataset &train, const Dataset &valid,
                                               const TrainOrder &order,
                                               TrainMonitor &monitor) const override
    {
        if (!order.initial && train.events.size() < kFewEvents)
            monitor.note("With " + std::to_string(train.events.size())
                         + " events a sequence model has little to learn an order from, and a "
                           "factorisation often ranks better: train --family mf as well and "
                           "compare both with eval");
        return trainSequence(train, valid, order, monitor);
    }
};

std::string SequenceFamily::help() const
{
    return R"(sequence: a causal transformer over each shopper's history, oldest first.
Reads pairs, lists and csv (columns user, item, time). Settings, all optional:
  factors, blocks, heads, feed-forward, length   sizes; defaults look at the data
  start=random|spectrum, start-scale   item vectors to begin from: small data starts from the
                        leading singular vectors of who took what
  task=next|masked      next item, or hidden items (a start for finetune)
  loss=softmax|gbce, negatives, calibration, smoothing, mask-share
  dropout, item-dropout, weight-decay, average   regularisation; average of the weights per step
  learning-rate, warm-up, decay=none|cosine, clip, batch, piece, epochs,
  steps, patience
  validation-shoppers, all-windows=true|false
  distil, temperature   above 0, finetune --from is a teacher and the model a fresh, smaller one
  int8=true             weights as bytes with scales
finetune keeps the sizes of the package it starts from; items that it does not know are added.
)";
}

} // namespace

const Family &sequenceFamily()
{
    static const SequenceFamily family;
    return family;
}

} // namespace engine
