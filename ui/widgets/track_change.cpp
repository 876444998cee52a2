#include "ui/widgets/track_change.h"

#include <algorithm>
#include <cstring>

namespace ui {

namespace {

/// Bit by bit: gaps are NaN and must equal each other.
bool same(const std::vector<double> &a, const std::vector<double> &b)
{
    return a.size() == b.size()
           && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0);
}

bool sameCurves(const TrackValues &a, const TrackValues &b)
{
    return same(a.x, b.x)
           && std::equal(a.y.begin(), a.y.end(), b.y.begin(), b.y.end(),
                         [](const auto &left, const auto &right) { return same(left, right); })
           && a.low == b.low && a.high == b.high && a.limit == b.limit && a.band == b.band
           && a.limitText == b.limitText && a.note == b.note && same(a.ticks, b.ticks);
}

bool sameBands(const Overlay &a, const Overlay &b)
{
    const auto band = [](const FaultBand &left, const FaultBand &right) {
        return left.id == right.id && left.from == right.from && left.to == right.to
               && left.expectedTo == right.expectedTo;
    };
    const auto mark = [](const PhaseMark &left, const PhaseMark &right) {
        return left.key == right.key && left.t == right.t && left.expected == right.expected;
    };
    return a.loopFrom == b.loopFrom && a.loopTo == b.loopTo
           && std::equal(a.bands.begin(), a.bands.end(), b.bands.begin(), b.bands.end(), band)
           && std::equal(a.marks.begin(), a.marks.end(), b.marks.begin(), b.marks.end(), mark);
}

} // namespace

bool differInPlayheadOnly(const TrackValues &before, const TrackValues &after,
                          const Overlay &overlayBefore, const Overlay &overlayAfter)
{
    return sameCurves(before, after) && sameBands(overlayBefore, overlayAfter);
}

} // namespace ui
