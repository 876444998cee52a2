#pragma once
// The four tracks of a run page: what they show and how their value axes are chosen. Pure.

#include "ui/session/run_facts.h"
#include "ui/session/track_data.h"
#include "ui/widgets/time_series_view.h"

namespace ui {

enum Track : std::size_t { LatencyTrack, FailedTrack, QualityTrack, RequestsTrack, TrackCount };

[[nodiscard]] std::array<TrackSpec, TrackCount> trackSpecs();

/// `at`: where the direct values are read, seconds since t = 0.
[[nodiscard]] std::array<TrackValues, TrackCount>
trackValues(const TrackData &data, const RunFacts &facts, double at, bool synthetic);

} // namespace ui
