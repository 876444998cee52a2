#include "engine/serving/batch_cost.h"

#include <algorithm>

namespace engine {
namespace {

constexpr double kFade = 0.95;
constexpr double kMostOfPrediction = 4;
constexpr double kSlack = 200; // us: a prediction near 0 must be able to grow

} // namespace

void BatchCost::learn(std::size_t rows, Micros took)
{
    const double x = static_cast<double>(rows);
    double y = static_cast<double>(took.count());
    if (m_weight > 0)
        y = std::min(y, kMostOfPrediction * (m_base + m_perRow * x) + kSlack);
    m_weight = m_weight * kFade + 1;
    m_x = m_x * kFade + x;
    m_y = m_y * kFade + y;
    m_xx = m_xx * kFade + x * x;
    m_xy = m_xy * kFade + x * y;
    const double spread = m_weight * m_xx - m_x * m_x;
    // Batches of one size say nothing about the slope: then everything is the mean.
    m_perRow = spread > 1e-6 * m_weight * m_xx ? (m_weight * m_xy - m_x * m_y) / spread : 0;
    m_perRow = std::max(m_perRow, 0.0);
    m_base = (m_y - m_perRow * m_x) / m_weight;
    if (m_base < 0) {
        m_base = 0;
        m_perRow = m_y / m_x;
    }
}

Micros BatchCost::predict(std::size_t rows) const
{
    return Micros{static_cast<std::int64_t>(m_base + m_perRow * static_cast<double>(rows))};
}

} // namespace engine
