#pragma once
// What the pages say about a run, derived from one snapshot: marks, bands, limits, curves.
// Pure functions of the snapshot, so that Live and Playback cannot disagree. Times in seconds since
// t = 0 unless a name says otherwise.

#include "engine/base/clock.h"
#include "engine/event/timeline.h"
#include "engine/metrics/window.h"

#include <QString>

#include <limits>

namespace ui {

inline constexpr double kGap = std::numeric_limits<double>::quiet_NaN();

[[nodiscard]] constexpr double toSeconds(std::int64_t micros)
{
    return static_cast<double>(micros) / 1e6;
}
[[nodiscard]] inline std::int64_t toMicros(double seconds)
{
    return static_cast<std::int64_t>(seconds * 1e6);
}
[[nodiscard]] inline QString qs(std::string_view text)
{
    return QString::fromUtf8(text.data(), static_cast<qsizetype>(text.size()));
}

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

/// Curves over the visible window; x and every y have one value per bin, NaN = gap.
struct TrackData
{
    double from = 0, to = 0, binSeconds = 0.1;
    std::vector<double> x;
    std::vector<double> p99, p95, p50;                        ///< ms
    std::vector<double> failed, late;                         ///< percent of answers
    std::vector<double> quality;                              ///< earned over expected
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
/// The widest bin count for a span so that a bin is a round time: 100, 250, 500 ms, 1, 2, 5 s ...
[[nodiscard]] int binsFor(double spanSeconds);

/// "+4.7 s", "−0.8 s" (U+2212).
[[nodiscard]] QString sinceText(double seconds, int decimals = 1);
/// "+00:04.7" for the top bar and the transport.
[[nodiscard]] QString clockText(double seconds);
/// "0:25.3" for countdowns.
[[nodiscard]] QString countdownText(double seconds);
/// Local wall time of an instant of the run, "14:14:51.7".
[[nodiscard]] QString wallClockText(const engine::RunState &state, double t);
/// A number with fixed decimals in the user's locale, U+2212 for minus, "–" for NaN.
[[nodiscard]] QString numberText(double value, int decimals);

/// The icon of a fault by its name ("process.kill" -> "crash").
[[nodiscard]] QString faultIcon(std::string_view fault);
/// What the operator calls it: "SIGKILL replica/2".
[[nodiscard]] QString faultText(std::string_view fault, std::string_view target);
/// Icon of a kind of response.
[[nodiscard]] QString responseIcon(std::string_view kind);
[[nodiscard]] QString responseText(const engine::ResponseChanged &response);

} // namespace ui
