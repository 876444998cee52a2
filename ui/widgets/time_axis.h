#pragma once
// The one mapping from run time to pixels that tracks, ruler, lanes and minimap of a page share.

#include <vector>

namespace ui {

inline constexpr int kHeaderWidth = 116; ///< names of tracks and lanes
inline constexpr int kAxisWidth = 50;    ///< numbers of the value axis
inline constexpr int kPlotLeft = kHeaderWidth + kAxisWidth;

/// Seconds since t = 0 against x in the widget. A plain value.
struct TimeAxis
{
    double from = 0, to = 60;
    double zero = 0; ///< where "0" stands: inject
    double left = kPlotLeft, right = 800;

    [[nodiscard]] double x(double t) const
    {
        return left + (t - from) / (to - from) * (right - left);
    }
    [[nodiscard]] double t(double px) const
    {
        return from + (px - left) / (right - left) * (to - from);
    }
    /// Round places for ticks, in seconds since t = 0; their labels count from zero.
    [[nodiscard]] std::vector<double> ticks(int most) const;
    bool operator==(const TimeAxis &) const = default;
};

} // namespace ui
