#pragma once
// Trains a blended mf model on a Dataset: carve, train the factors until validation stops gaining,
// build the linear parts, choose how each looks at a history and how they are mixed, train the same
// on everything. Checkpoints at the ends of epochs; the linear parts take seconds and are made
// anew. One thread calls; not thread-safe. LibTorch's exceptions pass through.

#include "engine/training/family.h"
#include "engine/training/mf/built_part.h"
#include "engine/training/mf/factor_training.h"
#include "engine/training/mf/mf_options.h"

#include <memory>

namespace engine {

class MfTrainer
{
public:
    /// All borrowed for the trainer's life.
    MfTrainer(const Dataset &train, const Dataset &valid, const MfOptions &options,
              std::uint64_t seed, unsigned threads, TrainMonitor &monitor);
    /// Halted when stopped; at the deadline the best so far.
    [[nodiscard]] Result<TrainedModel> run();

private:
    enum Part { Factors, Spectral, Transition, kParts };
    /// What the factor search has found, and where it stands: all of a checkpoint but the tensors.
    struct Search
    {
        std::int64_t attempt = 0; ///< index into options.ridges
        std::int64_t bad = 0;     ///< epochs of this attempt without a gain
        double best = -1, bestOfAttempt = -1;
        std::int64_t bestAttempt = 0, bestEpoch = 0;
        std::int64_t isRefit = 0; ///< the search is over, the training on everything under way
        std::int64_t isCut = 0;   ///< the time limit ended the search
    };
    struct Chosen
    {
        LinearChoice linear[kParts];
        double factorDecay = 0;
        double weights[kParts] = {1, 1, 1};
        double ndcg = 0;
    };

    [[nodiscard]] Result<> searchFactors(const Carved &carved, const SparseRows &rows);
    [[nodiscard]] Result<> searchAttempt(const Carved &carved, FactorTraining &training,
                                         const Ridge &ridge);
    [[nodiscard]] Result<at::Tensor> refitFactors(const SparseRows &rows);
    [[nodiscard]] Result<LinearSource> linearSource(Part which, const Dataset &data,
                                                    const SparseRows &rows);
    [[nodiscard]] BuiltPart chooseLinear(Part which, const LinearSource &source,
                                         const ValidationSet &set);
    void chooseFactorDecay(BuiltPart &built, const ValidationSet &set);
    void chooseMix(std::vector<BuiltPart> &built, const std::vector<Part> &which,
                   const ValidationSet &set);
    [[nodiscard]] TrainedModel packed(std::vector<BuiltPart> built,
                                      const std::vector<Part> &which) const;

    [[nodiscard]] std::unique_ptr<FactorTraining> makeTraining(const SparseRows &rows,
                                                               const Ridge &ridge) const;
    [[nodiscard]] double judged(const BuiltPart &built, const ValidationSet &set) const;
    [[nodiscard]] Result<> save(const FactorTraining &training);
    void load();
    [[nodiscard]] double secondsLeft() const;
    [[nodiscard]] bool isStopped() const { return m_monitor.stop().stop_requested(); }

    const Dataset &m_train, &m_valid;
    const MfOptions &m_options;
    std::uint64_t m_seed;
    unsigned m_threads;
    TrainMonitor &m_monitor;
    double m_secondsAtStart = 0;
    Search m_search;
    Chosen m_chosen;
    at::Tensor m_bestItems;                         ///< of the best epoch so far
    std::optional<FactorTraining::State> m_resumed; ///< of the attempt or refit under way
    double m_epochSeconds = 0;                      ///< the longest seen
};

/// Checks, reads the settings, trains; sets LibTorch's thread count for the process to 1.
[[nodiscard]] Result<TrainedModel> trainMf(const Dataset &train, const Dataset &valid,
                                           const TrainOrder &order, TrainMonitor &monitor);

} // namespace engine
