#pragma once
// What is wrong right now, as banners: derived from the recorder's health and the live snapshot,
// nothing else. Pure.

#include "engine/cluster/operations.h"
#include "ui/widgets/banner_stack.h"

namespace ui {

/// `live` may be null. `halted`: as the window knows it, before the recording says so.
[[nodiscard]] std::vector<Banner> troubles(const engine::RunProgress &progress,
                                           const engine::TimelineSnapshot *live, bool halted);

} // namespace ui
