#pragma once
// A running shop as `shop up`, `shop status` and `shop attach` print it.

#include "engine/cluster/cluster.h"

namespace ctl {

/// Asks the gateway for its settings and counts, too (up to a second).
void printStatus(const engine::ShopStatus &status, bool asJson);

} // namespace ctl
