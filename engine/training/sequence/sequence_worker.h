#pragma once
// One member of the team that works out gradients: forward, loss and backward of its pieces, added
// up in a flat gradient of its own. Reads the shared weights; one thread at a time.

#include "engine/training/sequence/sequence_batches.h"
#include "engine/training/sequence/sequence_loss.h"
#include "engine/training/sequence/sequence_net.h"

namespace engine {

/// A trained model to learn from; its items have the same numbers.
struct SequenceTeacher
{
    SequenceNet net;
    at::Tensor flat;
};

class SequenceWorker
{
public:
    /// `weights`: the flat tensor that the optimiser changes in place; `table` [items, d]: what the
    /// items enter and score with, a view of it or composed from it. The gradient of the table
    /// stands at the place of the items.
    SequenceWorker(const SequenceNet &net, const Dataset &train, const SequenceOptions &options,
                   const at::Tensor &weights, const at::Tensor &table,
                   const SequenceTeacher *teacher);

    [[nodiscard]] at::Tensor &gradient() { return m_gradient; }
    /// Adds the gradient of `scale` times the piece's summed loss; gives that loss, unscaled, and
    /// the predictions that it sums.
    struct Outcome
    {
        double loss = 0;
        std::size_t predictions = 0;
    };
    [[nodiscard]] Outcome run(const Piece &piece, double scale, std::uint64_t epoch);

private:
    const SequenceNet &m_net;
    const Dataset &m_train;
    const SequenceOptions &m_options;
    const SequenceTeacher *m_teacher;
    at::Tensor m_gradient, m_tableGradient;
    std::vector<at::Tensor> m_views; ///< of the shared weights; all but the first gather gradients
    std::vector<at::Tensor> m_teacherViews;
    SequenceLoss m_loss;
};

} // namespace engine
