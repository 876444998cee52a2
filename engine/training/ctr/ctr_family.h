#pragma once
// The family ctr: probabilities of clicks, purchases ... for rows of a table (csv) or of indices
// (libsvm). See help() and the README of this folder.

#include "engine/training/family.h"

namespace engine {

[[nodiscard]] const Family &ctrFamily();

} // namespace engine
