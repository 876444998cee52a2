#pragma once
// The rows that a demand model learns from: features column by column, target, where they come
// from. Values.

#include "engine/scoring/demand_features.h"
#include "engine/training/demand/demand_trainer.h"

namespace engine {

struct TrainingRows
{
    std::vector<std::vector<float>> features; ///< [feature][row]
    std::vector<float> sold;                  ///< the target itself
    std::vector<double> level, mean;          ///< of the row's origin, see DemandFeatures::Origin
    std::vector<std::uint32_t> series;        ///< index in the table
    std::vector<std::int64_t> period;         ///< of the target
    [[nodiscard]] std::size_t size() const { return sold.size(); }
    void copyRow(std::size_t row, std::span<float> out) const;
};

/// Every known target of every series with every step in [firstStep, horizon] that leaves a history
/// of at least one period; of more than mostRows, the draw is by (seed, series, period, step)
/// alone.
[[nodiscard]] TrainingRows cutRows(const DemandTable &table, const DemandFeatures &features,
                                   const DemandOptions &options, std::uint64_t seed, int threads);

} // namespace engine
