#pragma once
// The loss over sampled items and its gradient, worked out by hand block by block: the scores of a
// block stay in the cache and none is kept for a backward pass. Called by one worker at a time per
// object.

#include "engine/training/sequence/sequence_options.h"

#include <ATen/core/Tensor.h>

namespace engine {

/// out[index[r]] += rows[r], rows of a table.
void addRows(at::Tensor &out, const std::vector<std::int64_t> &index, const at::Tensor &rows);

/// Long tensor of `values` on the device of `like`.
[[nodiscard]] at::Tensor onDevice(const std::vector<std::int64_t> &values, const at::Tensor &like);

class SequenceLoss
{
public:
    SequenceLoss(std::uint32_t items, const SequenceOptions &options);

    struct Teacher
    {
        at::Tensor outputs; ///< [n, its d], for the same rows
        at::Tensor table;   ///< [items, its d]
    };
    /// outputs [n, d] of the network, the item that follows each, the shared negatives. Adds
    /// `scale` times the gradient to tableGrad [items, d], writes that of `outputs` into
    /// `outputsGrad`; gives the summed loss of the n rows, unscaled.
    [[nodiscard]] double operator()(const at::Tensor &outputs,
                                    const std::vector<std::int64_t> &targets,
                                    const std::vector<std::int64_t> &negatives,
                                    const at::Tensor &table, double scale, const Teacher *teacher,
                                    at::Tensor &tableGrad, at::Tensor &outputsGrad);

private:
    /// Turns scores [n, K + 1] (the target last) into their gradient; gives the loss.
    [[nodiscard]] double gradient(at::Tensor &scores, const at::Tensor &teacherScores) const;

    const SequenceOptions &m_options;
    double m_items;
    std::vector<std::int32_t> m_column; ///< of a negative, else -1; by item
};

} // namespace engine
