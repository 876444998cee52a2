#pragma once
// What pages, reports and drillctl read of a recording, live or closed: one playhead, one visible
// window, snapshots. Live is a playback whose playhead is pinned to the end. Nothing in here can
// act on a shop.

#include "engine/base/error.h"
#include "engine/event/run_state.h"

#include <memory>
#include <string>
#include <vector>

namespace engine {

/// One series over the visible window, one bin per column; a gap is NaN in all three.
struct SeriesBins
{
    std::string name;
    std::vector<float> min, max,
        mean; ///< percentile series: mean = the percentile of the merged sketch of the bin
};

/// An immutable picture of the timeline at the playhead. Shared between threads, never changed
/// after publishing.
struct TimelineSnapshot
{
    std::shared_ptr<const RunState> state; ///< at the playhead
    /// At the end of what is there: all faults, responses and alerts of the run with their times.
    std::shared_ptr<const RunState> endState;
    std::int64_t playhead = 0;     ///< us since t = 0
    std::int64_t end = 0;          ///< newest row, us since t = 0
    bool live = false;             ///< pinned to the end of a growing file
    bool closed = false;           ///< the file is complete
    std::int64_t from = 0, to = 0; ///< visible window, us since t = 0
    std::int64_t binWidth = 100'000;
    std::vector<SeriesBins> series;   ///< the series asked for, over [from, to)
    std::vector<SeriesBins> overview; ///< gateway.latency.p99 over the whole recording, <= 600 bins
    bool coarse = false; ///< series are a first, rough picture of the window; a finer one follows
    /// In seq order: all of the run so far, or some thousands around the playhead when it has more
    /// than 50,000. They may arrive a moment after the rest.
    std::shared_ptr<const std::vector<Event>> events;
    std::uint64_t eventCount = 0; ///< of the run so far; seq runs from 1 to this
    Marks marks;                  ///< of the whole recording when closed, else as known
    std::string problem; ///< "" or one sentence: file gone, damaged from ..., hash differs at ...
    std::int64_t verifiedTo =
        0;                   ///< folded from the first event, all state hashes came out up to here
    bool isChecking = false; ///< ... and the check goes on in the background
};

/// Threads: every call may come from the GUI thread and only posts; one reader thread reads and
/// folds and publishes.
class Timeline
{
public:
    virtual ~Timeline() = default;
    /// Newest snapshot; cheap (an atomic load). Never null.
    [[nodiscard]] virtual std::shared_ptr<const TimelineSnapshot> snapshot() const = 0;
    virtual void pinToEnd() = 0;
    /// The latest seek wins.
    virtual void seek(std::int64_t t) = 0;
    /// Visible window, the most bins (<= 2000) and the series to read.
    virtual void show(std::int64_t from, std::int64_t to, int bins,
                      std::vector<std::string> series) = 0;
    [[nodiscard]] virtual std::string path() const = 0;
};

} // namespace engine
