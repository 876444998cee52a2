#pragma once
// What a source measured in one 100 ms window, and the names of the series (design, section 6).

#include "engine/base/bytes.h"

#include <string>
#include <vector>

namespace engine {

/// How a series may be folded over time. Percentile series store no mean (contracts 2.3).
enum class Fold : std::uint32_t {
    Sum,  ///< counts per window
    Last, ///< levels
    Max,
    Percentile ///< from a sketch; coarser windows come from merged sketches only
};

struct Sample
{
    std::string series;
    double value = 0;
    template <class A>
    void fields(A &a)
    {
        a(series);
        a(value);
    }
};

/// A mergeable latency sketch of one window (engine/metrics/sketch.h), encoded.
struct SketchSample
{
    std::string series;
    Bytes sketch;
    template <class A>
    void fields(A &a)
    {
        a(series);
        a(sketch);
    }
};

/// One source's window: (end - 100 ms, end]. `end` is CLOCK_MONOTONIC microseconds, a multiple of
/// kWindow.
struct Window
{
    std::string source; ///< traffic, gateway, replica/2, store, agent
    std::int64_t end = 0;
    std::vector<Sample> samples;
    std::vector<SketchSample> sketches;
    template <class A>
    void fields(A &a)
    {
        a(source);
        a(end);
        a(samples);
        a(sketches);
    }
};

/// Fold and unit of a series by its name; unknown names are levels without a unit.
struct SeriesInfo
{
    Fold fold = Fold::Last;
    std::string unit; ///< "ms", "requests", "share", "events", ""
};
[[nodiscard]] SeriesInfo seriesInfo(std::string_view name);

/// Names. Counts are per window. Everything gateway.* is measured by traffic at the gateway's door
/// (contracts 4.1).
namespace series {
inline constexpr std::string_view kRequests = "gateway.requests"; ///< due in the window (scheduled)
inline constexpr std::string_view kAnswered =
    "gateway.answered"; ///< answered or given up in the window
inline constexpr std::string_view kFailed = "gateway.failed"; ///< error, or no answer by 1 s
inline constexpr std::string_view kLate = "gateway.late";     ///< answered after the deadline
/// + limit in ms without trailing zeros, e.g. "gateway.slow.60": answers slower than the limit of a
/// latency rule
inline constexpr std::string_view kSlowPrefix = "gateway.slow.";
inline constexpr std::string_view kEarned = "gateway.earned"; ///< sum of earned quality
inline constexpr std::string_view kExpected =
    "gateway.expected"; ///< sum of what the reference model earns
inline constexpr std::string_view kQuality = "gateway.quality"; ///< earned / expected, for drawing
inline constexpr std::string_view kNdcg = "gateway.ndcg@10";    ///< mean, for drawing
inline constexpr std::string_view kP50 = "gateway.latency.p50"; ///< ms, for drawing
inline constexpr std::string_view kP95 = "gateway.latency.p95";
inline constexpr std::string_view kP99 = "gateway.latency.p99";
inline constexpr std::string_view kPathPrimary =
    "gateway.path.primary"; ///< answers served by each path
inline constexpr std::string_view kPathStandby = "gateway.path.standby";
inline constexpr std::string_view kPathPopularity = "gateway.path.popularity";
inline constexpr std::string_view kPathCached = "gateway.path.cached";
inline constexpr std::string_view kTrafficLag =
    "traffic.lag.p99"; ///< ms behind schedule when sending
inline constexpr std::string_view kHostStall =
    "host.stall.max"; ///< ms, longest stall that touches the window
// Per target T: "T.up" (0/1), "T.requests", "T.latency.p99"; the gateway's own view:
// "gateway.self.*"; "store.acked", "store.age.p95".
} // namespace series

/// "gateway.slow.60" for 60 ms, "gateway.slow.2.5" for 2.5 ms.
[[nodiscard]] std::string slowSeries(double limitMillis);

} // namespace engine
