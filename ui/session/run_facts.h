#pragma once
// What the pages say about a run, derived from one snapshot: marks, bands, limits, curves.
// Pure functions of the snapshot, so that Live and Playback cannot disagree. Times in seconds since
// t = 0 unless a name says otherwise.

#include "engine/event/timeline.h"
#include "ui/session/words.h"

namespace ui {

struct PhaseMark
{
    QString key, name; ///< key: inject impact detect ack mitigate clear steady (never translated)
    double t = 0;
    bool expected = false; ///< not reached: where it is due
    bool fault = false;    ///< inject and clear are drawn in the fault's colour
};

struct FaultBand
{
    std::uint32_t id = 0;
    QString text, icon;
    double from = 0, to = 0;          ///< reached part
    std::optional<double> expectedTo; ///< automatic undo, while it is on
    bool open = false, confirmed = false;
};

/// Limits of the steady state and of the verdict that the charts and the strip show.
struct Limits
{
    std::optional<double> p99Millis, failedShare, qualityFloor, budgetShare;
    double rate = 0; ///< offered requests per second, 0 = unknown
    double rtoSeconds = 0;
};

struct RunFacts
{
    std::shared_ptr<const engine::Drill> drill; ///< null without a drill
    QString title;
    double zero = 0; ///< of the time axis: inject, else t = 0
    bool zeroIsInject = false, faultOn = false;
    Limits limits;
    std::vector<PhaseMark> marks;
    std::vector<FaultBand> bands;
    std::optional<double> loopFrom, loopTo; ///< of Playback: the stretch that is played again
};

/// Reads facts; keeps the parsed drill between snapshots of one run.
class FactReader
{
public:
    /// `wholeRun`: marks of the whole recording (playback), else only what is known by now, with
    /// what is still expected.
    [[nodiscard]] RunFacts read(const engine::TimelineSnapshot &snapshot, bool wholeRun);

private:
    std::string m_drillJson;
    std::shared_ptr<const engine::Drill> m_drill;
};

} // namespace ui
