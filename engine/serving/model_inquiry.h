#pragma once
// Asks a KServe v2 server that is not ours which model it has and how it wants to be asked.

#include "engine/base/clock.h"
#include "engine/serving/model_dialect.h"

namespace engine {

/// `model`: its name; "" takes the only one of the server's repository index, or `recommend` from a
/// server without an index. Unavailable when nobody answers at `address` within `limit`, NotFound
/// when there is no such model (naming those that there are), InvalidInput when it cannot
/// recommend. Blocks up to three times `limit`.
[[nodiscard]] Result<ModelDialect> askDialect(const std::string &address, const std::string &model,
                                              Micros limit);

} // namespace engine
