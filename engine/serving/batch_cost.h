#pragma once
// How long a batch will take: a + b * rows, fitted to the recent batches.

#include "engine/base/clock.h"

namespace engine {

/// Least squares with fading weights. One outlier (the process was stopped) moves it little: a
/// sample counts as four times the prediction at most, so a lasting change is learnt in a few
/// batches. One thread.
class BatchCost
{
public:
    void learn(std::size_t rows, Micros took);
    /// 0 before the first sample.
    [[nodiscard]] Micros predict(std::size_t rows) const;

private:
    double m_weight = 0, m_x = 0, m_y = 0, m_xx = 0, m_xy = 0; // faded sums
    double m_base = 0, m_perRow = 0;                           // us
};

} // namespace engine
