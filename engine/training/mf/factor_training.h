#pragma once
// A training that goes epoch by epoch and leaves item factors: iALS or BPR. Can be put back to any
// epoch, which is what checkpoints and early stopping need.

#include "engine/base/error.h"

#include <ATen/core/Tensor.h>
#include <stop_token>

namespace engine {

class FactorTraining
{
public:
    struct State
    {
        at::Tensor shoppers, items; ///< F32 [rows, width]; never changed in place
        int epoch = 0;
    };
    virtual ~FactorTraining() = default;
    /// False when stopped, with the state as before. Throws c10::Error when LibTorch does.
    [[nodiscard]] virtual bool epoch(const std::stop_token &stop) = 0;

    [[nodiscard]] const State &state() const { return m_state; }
    void restore(State state) { m_state = std::move(state); }
    [[nodiscard]] bool isFinite() const;

protected:
    State m_state;
};

} // namespace engine
