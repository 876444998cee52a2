#pragma once
// Memory for factors that are read row by row in no order: on large pages where the kernel gives
// them, because with small ones nearly every row is a miss of the address cache, too.

#include <ATen/core/Tensor.h>

namespace engine {

/// As large as `like`, F32 and contiguous, its values not set. Any thread.
[[nodiscard]] at::Tensor roomLike(const at::Tensor &like);

} // namespace engine
