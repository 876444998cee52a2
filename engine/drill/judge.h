#pragma once
// Reads windows and events of a run as contracts sections 3-5 rule it, and says the verdict.
// A pure fold with bounded, encodable state: the same in every process that folds the same
// recording.

#include "engine/drill/drill.h"
#include "engine/drill/verdict.h"
#include "engine/event/event.h"

#include <memory>
#include <span>

namespace engine {

/// One row of all series at a tick: `names` and `values` run parallel; NaN = a gap.
struct RowView
{
    std::int64_t t = 0; ///< end of the window, us since t = 0
    std::span<const std::string> names;
    std::span<const float> values;
    /// NaN when the series is not there.
    [[nodiscard]] double value(std::string_view series) const;
};

/// Value type: copying it copies the whole judgement so far.
class Judge
{
public:
    struct State; ///< known to the judge's own files only
    Judge();
    ~Judge();
    Judge(const Judge &);
    Judge &operator=(const Judge &);
    Judge(Judge &&) noexcept;
    Judge &operator=(Judge &&) noexcept;

    /// Events in seq order; RunStarted configures the judge from its drill.
    void apply(const Event &event);
    /// Rows in time order, after all events with t <= row.t.
    void apply(const RowView &row);
    /// As of now: Running until RunEnded was applied.
    [[nodiscard]] Verdict verdict() const;
    /// Indicators that are outside right now (for the alert and the strip).
    [[nodiscard]] std::vector<std::string> outside() const;
    /// The newest reading of an indicator in its rule's unit (a latency: the drawn percentile); NaN
    /// without one.
    [[nodiscard]] double reading(std::string_view indicator) const;
    /// Nothing is left to wait for: `length` is over and the hold is finished. Load may stop.
    [[nodiscard]] bool settled() const;

    void fields(Writer &archive);
    void fields(Reader &archive);

private:
    std::unique_ptr<State> m_state;
};

} // namespace engine
