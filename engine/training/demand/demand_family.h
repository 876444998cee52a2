#pragma once
// Forecasting of demand behind the commands train, finetune, eval and forecast. Formats, columns
// and settings: this folder's README, and help().

#include "engine/training/demand/demand_trainer.h"
#include "engine/training/family.h"

namespace engine {

[[nodiscard]] const Family &demandFamily();

/// The settings of a recipe; what it does not say keeps its default.
[[nodiscard]] Result<DemandOptions> demandOptions(const Recipe &recipe);
/// A trained model as a package that is not yet signed. `history`, if not null, travels along so
/// that a test file alone can be judged.
[[nodiscard]] TrainedModel packDemand(const DemandModel &model, const DemandOptions &options,
                                      const DemandTable *history);
/// The parts of a package, to go on from.
[[nodiscard]] Result<DemandModel> unpackDemand(const Package &package);

} // namespace engine
