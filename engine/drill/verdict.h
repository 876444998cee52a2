#pragma once
// The verdict on a run, as computed by the fold: the same live, headless and in playback.

#include "engine/base/bytes.h"

#include <string>
#include <vector>

namespace engine {

enum class Word : std::uint32_t { Pass, Fail, Inconclusive, Aborted, Errored, Running };

/// Time marks in microseconds since t = 0; absent = not (yet) reached.
struct Marks
{
    std::optional<std::int64_t> inject, impact, detect, acknowledge, mitigate, clear, steady;
    template <class A>
    void fields(A &a)
    {
        a(inject);
        a(impact);
        a(detect);
        a(acknowledge);
        a(mitigate);
        a(clear);
        a(steady);
    }
};

/// One rule of the drill and how it came out. `value` absent = not applicable or not reached.
struct Measure
{
    std::string name;   ///< rto, budget, quality, rpo, detect, undo, alarms, responses, or a series
    std::string rule;   ///< "<= 10 s"
    std::string unit;   ///< "s", "share", "events", "ms", ""
    std::string detail; ///< worst window, counts, number of episodes: one short phrase
    std::optional<double> value;
    std::optional<double> worst;     ///< the worst window's reading, where there is one
    std::optional<double> limitUsed; ///< share of the limit used, 0..1 and above
    Word verdict = Word::Running;
    template <class A>
    void fields(A &a)
    {
        a(name);
        a(rule);
        a(unit);
        a(detail);
        a(value);
        a(worst);
        a(limitUsed);
        a(verdict);
    }
};

struct Verdict
{
    Word word = Word::Running;
    std::string
        sentence; ///< for people who were not there: "Users saw 31 bad answers out of 6,450 ..."
    std::string reason; ///< why INCONCLUSIVE, ABORTED or ERRORED; for FAIL the first rule that
                        ///< broke, when, which indicator
    std::optional<std::int64_t> reasonAt; ///< where playback opens for a FAIL, us since t = 0
    Marks marks;
    std::vector<Measure> measures;
    std::optional<double> rtoSeconds, rpoEvents, rpoSeconds, budget, quality, detectSeconds,
        undoSeconds;
    bool injectConfirmed = false, undoVerified = false;
    std::uint32_t episodes = 0;
    std::uint64_t requests = 0, failed = 0, late = 0; ///< over the judged span
    std::uint32_t faults = 0;              ///< steps of the drill; 0 = nothing to confirm or undo
    std::optional<double> confirmSeconds;  ///< from apply to the effect seen, the slowest fault
    std::uint32_t windows = 0, masked = 0; ///< 1 s readings judged, and those a host stall touched
    bool hostNoise = false; ///< INCONCLUSIVE because of this host: may be tried again
    template <class A>
    void fields(A &a)
    {
        a(word);
        a(sentence);
        a(reason);
        a(reasonAt);
        a(marks);
        a(measures);
        a(rtoSeconds);
        a(rpoEvents);
        a(rpoSeconds);
        a(budget);
        a(quality);
        a(detectSeconds);
        a(undoSeconds);
        a(injectConfirmed);
        a(undoVerified);
        a(episodes);
        a(requests);
        a(failed);
        a(late);
        a(faults);
        a(confirmSeconds);
        a(windows);
        a(masked);
        a(hostNoise);
    }
};

[[nodiscard]] std::string_view name(Word word); ///< PASS, FAIL ...
/// 0 PASS, 1 FAIL, 3 INCONCLUSIVE, 6 ABORTED or ERRORED.
[[nodiscard]] int exitCode(Word word);
/// The JSON of design section 7; the same bytes for the same verdict.
[[nodiscard]] std::string toJson(const Verdict &verdict);

} // namespace engine
