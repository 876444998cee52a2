#pragma once
// Family mf: matrix factorisation and linear models whose request is one dot-product search.

#include "engine/training/family.h"

namespace engine {

[[nodiscard]] const Family &mfFamily();

} // namespace engine
