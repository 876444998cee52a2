#pragma once
// Whether two refreshes of a track differ in more than the playhead: if not, a sliver of it is
// painted instead of the whole. Pure.

#include "ui/widgets/time_series_view.h"

namespace ui {

[[nodiscard]] bool differInPlayheadOnly(const TrackValues &before, const TrackValues &after,
                                        const Overlay &overlayBefore, const Overlay &overlayAfter);

} // namespace ui
