#pragma once
// The visible window of a run page: zoom, pan, follow. Plain value, seconds since t = 0.

#include <algorithm>

namespace ui {

struct TimeWindow
{
    double from = 0, span = 40;

    static constexpr double kShortest = 5;

    [[nodiscard]] double to() const { return from + span; }
    /// Keeps `around` at its place on the screen.
    void zoom(double factor, double around, double longest)
    {
        const double wanted = std::clamp(span * factor, kShortest, std::max(kShortest, longest));
        from = around - (around - from) * wanted / span;
        span = wanted;
    }
    void pan(double share) { from += share * span; }
    /// The playhead stands at this share of the window.
    void follow(double t, double share) { from = t - share * span; }
    void reveal(double t)
    {
        if (t < from || t > to())
            from = t - 0.3 * span;
    }
};

} // namespace ui
