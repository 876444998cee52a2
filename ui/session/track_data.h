#pragma once
// Curves over the visible window, made from the bins of one snapshot. Pure.

#include "engine/event/timeline.h"
#include "engine/metrics/application_series.h"

#include <array>
#include <limits>
#include <string_view>

namespace ui {

inline constexpr double kGap = std::numeric_limits<double>::quiet_NaN();

/// Curves over the visible window; x and every y have one value per bin, NaN = gap.
struct TrackData
{
    double from = 0, to = 0, binSeconds = 0.1;
    std::vector<double> x;
    std::vector<double> p99, p95, p50; ///< ms
    std::vector<double> failed, late;  ///< percent of answers
    std::vector<double> quality;       ///< earned over expected
    /// The same of each of engine::kApplicationNames; empty in a shop without several.
    std::array<std::vector<double>, engine::kApplicationNames.size()> qualityOf;
    std::vector<double> primary, standby, popularity, cached; ///< answers per second
};

[[nodiscard]] TrackData trackData(const engine::TimelineSnapshot &snapshot);
/// The series trackData() needs, and for each target its requests and p99.
[[nodiscard]] std::vector<std::string> seriesFor(const engine::RunState &state);
/// One series' bins by name, or null.
[[nodiscard]] const engine::SeriesBins *findSeries(const engine::TimelineSnapshot &snapshot,
                                                   std::string_view name);
/// The newest reading at or before t that is not older than `reach` seconds; NaN when there is
/// none.
[[nodiscard]] double valueAt(const std::vector<double> &x, const std::vector<double> &y, double t,
                             double reach);
/// The most bins for a span so that a bin is a round time: 100, 200, 500 ms, 1, 2, 5 s ...
[[nodiscard]] int binsFor(double spanSeconds, int most = 180);
/// As many as a wide window can show; as binsFor() for a window of minutes.
[[nodiscard]] int fineBinsFor(double spanSeconds);

} // namespace ui
