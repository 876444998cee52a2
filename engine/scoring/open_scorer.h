#pragma once
// Makes the right scorer for a verified package; the one place that knows the model families.

#include "engine/model/row_scorer.h"
#include "engine/scoring/full_scorer.h"

namespace engine {

/// InvalidInput when the family is unknown or its tensors do not fit.
[[nodiscard]] Result<std::unique_ptr<FullScorer>> openFullScorer(const Package &package);
[[nodiscard]] Result<std::unique_ptr<Scorer>> openScorer(const Package &package);
/// For the families that answer rows: ctr.
[[nodiscard]] Result<std::unique_ptr<RowScorer>> openRowScorer(const Package &package);

} // namespace engine
