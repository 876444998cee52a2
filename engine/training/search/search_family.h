#pragma once
// The family search behind train, eval, rank and predict: a catalogue with judgments, with clicks
// or with nothing but itself, or rows of features in libsvm format. Stateless; any thread.

#include "engine/training/family.h"

namespace engine {

[[nodiscard]] const Family &searchFamily();

} // namespace engine
