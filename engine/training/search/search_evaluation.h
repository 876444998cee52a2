#pragma once
// Judges a search package: ranked products against graded judgments, rows of features against
// their grades, clicks against predicted ones. One thread.

#include "engine/training/family.h"

namespace engine {

[[nodiscard]] Result<Evaluation> evaluateSearch(const Package &package, const EvalOrder &order,
                                                TrainMonitor &monitor);

/// Whether a file of this kind holds rows of features: told, or by its ending, or because a file
/// .query lies beside it.
[[nodiscard]] bool isLibsvm(const InputFile &file);

} // namespace engine
