#pragma once
// What a model earns on every row of the trace: the denominator of paired quality (contracts 4.3 to
// 4.5). Uses the same Scorer and the same Earned as live traffic, so an undisturbed shop earns
// exactly this.

#include "engine/data/dataset.h"
#include "engine/data/earned.h"
#include "engine/model/scorer.h"

#include <functional>
#include <stop_token>

namespace engine {

struct ExpectedOptions
{
    int k = 10;
    int threads = 1;                         ///< rows are independent; the result does not change
    std::function<void(std::size_t)> onRows; ///< rows done so far; called from the working threads
    std::stop_token stop;
};

/// One value per row, in the rows' order. Rows must point into `history`.
[[nodiscard]] Result<std::vector<float>>
expectedQuality(const Scorer &scorer, const Dataset &history, std::span<const TraceRow> rows,
                const Earned &earned, const ExpectedOptions &options = {});

} // namespace engine
