#pragma once
// The loop of a training: steps of accumulated pieces on a team of threads, clipping, Adam with
// warm-up and decay, averaged weights, validation and early stopping, roll-back after NaN,
// checkpoints. The same data, options and number of threads give the same bytes, interrupted or
// not. Call from one thread; throws what LibTorch throws.

#include "engine/training/sequence/item_composer.h"
#include "engine/training/sequence/sequence_judge.h"
#include "engine/training/sequence/sequence_state.h"
#include "engine/training/sequence/sequence_worker.h"
#include "engine/training/train_monitor.h"

namespace engine {

struct SequenceFit
{
    at::Tensor weights; ///< flat, on the CPU; attributes are added to the items
    std::int64_t epochs = 0, bestEpoch = 0, steps = 0;
    SequenceQuality validation; ///< of `weights`; 0 without validation shoppers
    std::size_t validationShoppers = 0;
    std::vector<double> epochSeconds; ///< training alone
};

class SequenceTrainer
{
public:
    /// `start`: flat weights to go on from, or undefined for a fresh start.
    SequenceTrainer(const SequenceNet &net, const Dataset &train, const Dataset &valid,
                    const SequenceOptions &options, const SequenceTeacher *teacher,
                    const ItemComposer *composer, TrainMonitor &monitor);

    /// Halted when stopped; at the deadline the best so far.
    [[nodiscard]] Result<SequenceFit> run(const at::Tensor &start);

private:
    enum class StepEnd { Done, Spoilt };
    [[nodiscard]] StepEnd step(const Step &step, double share);
    [[nodiscard]] Result<> rollBack();
    [[nodiscard]] Result<> keepCheckpoint();
    /// The table of items of flat weights: theirs, or composed in `space`.
    [[nodiscard]] at::Tensor tableOf(const at::Tensor &flat, at::Tensor &space) const;
    [[nodiscard]] SequenceQuality quality(const at::Tensor &flat);
    void judge();
    [[nodiscard]] double learningRate(double share) const;
    [[nodiscard]] std::uint64_t drawKey() const;
    [[nodiscard]] bool isOutOfTime() const;
    [[nodiscard]] Result<bool> epoch();

    const SequenceNet &m_net;
    const SequenceOptions &m_options;
    TrainMonitor &m_monitor;
    SequenceJudge m_judge;
    std::vector<Window> m_windows;
    const Dataset &m_train;
    const SequenceTeacher *m_teacher;
    const ItemComposer *m_composer; ///< null: no attributes
    SequenceState m_state, m_safe;  ///< m_safe: what a roll-back returns to
    std::vector<double> m_epochSeconds;
    at::Tensor m_weights; ///< the storage that the workers view; m_state.weights is this
    at::Tensor m_table, m_judgedTable; ///< of the items: what workers see, what is judged
    WorkTeam m_team;
    std::vector<SequenceWorker> m_workers;
};

} // namespace engine
