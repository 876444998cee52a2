#pragma once
// The family `sequence` behind the commands: training, fine-tuning and distillation.

#include "engine/training/recommender_family.h"

namespace engine {

[[nodiscard]] const Family &sequenceFamily();

} // namespace engine
