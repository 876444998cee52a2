#pragma once
// What a running drill watches: the newest windows of the shop folded as the judge folds the
// recording, for alerts, guards and responses. It decides nothing about the verdict, which comes
// from the recording alone. One thread.

#include "engine/drill/gauge.h"
#include "engine/metrics/window.h"

namespace engine {

/// A rule that must hold for a time before it acts: a guard, or the `when` of a response. Read on
/// whole seconds from t = 0.
class RuleWatch
{
public:
    RuleWatch(std::string series, Rule rule, Micros forTime);
    /// Rows in time order.
    void apply(const RowView &row);
    /// The rule has held for its time; stays so until the rule is read as not holding.
    [[nodiscard]] bool isTripped() const { return m_held >= m_needed; }

private:
    std::vector<Gauge> m_gauge; ///< one: its rule is the opposite, so outside = the rule holds
    Tally m_tally;
    std::int64_t m_second = -1;
    std::int64_t m_held = 0, m_needed = 1;
};

class Monitor
{
public:
    /// `start` is t = 0 on CLOCK_MONOTONIC.
    explicit Monitor(MonoTime start) : m_start(start.count()) {}

    [[nodiscard]] std::size_t watch(std::string series, Rule rule, Micros forTime);
    [[nodiscard]] bool isTripped(std::size_t watch) const { return m_watches[watch].isTripped(); }
    void apply(const Payload &payload, MonoTime now);
    void apply(const Window &window);
    /// Closes the rows that can be closed: all sources are there, or 300 ms have passed.
    void advance(MonoTime now);
    [[nodiscard]] const Judge &judge() const { return m_judge; }

private:
    struct Open
    {
        std::map<std::string, double> series;
        bool hasTraffic = false, hasAgent = false;
    };
    void close(std::int64_t end, const Open &row);

    std::int64_t m_start;
    std::uint64_t m_seq = 0;
    std::int64_t m_closed = 0; ///< end of the newest closed row, us since t = 0
    std::map<std::int64_t, Open> m_open;
    std::vector<RuleWatch> m_watches;
    Judge m_judge;
};

} // namespace engine
