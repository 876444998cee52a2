#pragma once
// All families of models; the one place that names them.

#include "engine/training/family.h"

namespace engine {

[[nodiscard]] const std::vector<const Family *> &families();
/// NotFound names the ones there are.
[[nodiscard]] Result<const Family *> familyNamed(std::string_view name);

} // namespace engine
