#pragma once
// The recommender that learns nothing but counts: the floor that every other must beat, and what
// answers shoppers without a history.

#include "engine/training/recommender_family.h"

namespace engine {

[[nodiscard]] const Family &popularityFamily();

} // namespace engine
