#pragma once
// How one indicator is read from the counts of a span of windows (contracts 2.3, 3.3). Internal to
// the judge; pure values.

#include "engine/drill/judge.h"

#include <limits>

namespace engine {

inline constexpr double kNoReading = std::numeric_limits<double>::quiet_NaN();

/// The counts of one 100 ms row that judging needs.
struct RowCounts
{
    std::int64_t t = 0; ///< end of the row, us since t = 0
    bool gap = false;   ///< nothing from traffic for more than 300 ms
    double requests = 0, answered = 0, failed = 0, late = 0, earned = 0, expected = 0, primary = 0;
    double lag = kNoReading;            ///< ms, traffic behind its schedule
    bool stalled = false;               ///< host.stall.max over 20 ms
    std::vector<double> counts, levels; ///< per gauge
    template <class A>
    void fields(A &a)
    {
        a(t);
        a(gap);
        a(requests);
        a(answered);
        a(failed);
        a(late);
        a(earned);
        a(expected);
        a(primary);
        a(lag);
        a(stalled);
        a(counts);
        a(levels);
    }
};

/// Sums over a span.
struct Tally
{
    double requests = 0, answered = 0, failed = 0, late = 0, earned = 0, expected = 0, primary = 0;
    std::uint64_t rows = 0;
    std::vector<double> counts, levels; ///< per gauge: sums, worst levels
    template <class A>
    void fields(A &a)
    {
        a(requests);
        a(answered);
        a(failed);
        a(late);
        a(earned);
        a(expected);
        a(primary);
        a(rows);
        a(counts);
        a(levels);
    }
};

/// A series with a rule, and how it is read.
class Gauge
{
public:
    enum class Kind {
        Latency, ///< gateway.latency.pNN: share of answers slower than the limit
        Share,   ///< a count over the answers
        Quality, ///< earned over expected, read over at least 10 s
        Count,   ///< a sum, or a rate per second
        Level    ///< the worst of the rows
    };
    explicit Gauge(Indicator indicator);

    [[nodiscard]] const Indicator &indicator() const { return m_indicator; }
    [[nodiscard]] Kind kind() const { return m_kind; }
    /// Of every answer, how many may be slower than the limit: 0.01 for p99.
    [[nodiscard]] double slowShare() const { return m_slowShare; }
    /// Measured by traffic at the gateway's door, so that "no answers" speaks about it.
    [[nodiscard]] bool isOfAnswers() const
    {
        return m_kind == Kind::Latency || m_kind == Kind::Share;
    }
    void read(const RowView &row, double &count, double &level) const;
    /// Adds a row's level to the worst so far.
    [[nodiscard]] double worse(double a, double b) const;
    /// The reading over a span; NaN when there is none. A latency reads its share of slow answers.
    [[nodiscard]] double reading(const Tally &tally, std::size_t index) const;
    /// Whether a window is outside, with `limit` in place of the rule's value (of baseline).
    [[nodiscard]] bool isOutside(const Tally &tally, std::size_t index, double limit) const;
    /// Over a whole span: the same without the least counts, which only protect short windows.
    [[nodiscard]] bool holdsOver(const Tally &tally, std::size_t index, double limit) const;

private:
    Indicator m_indicator;
    Kind m_kind = Kind::Level;
    std::string m_countSeries;
    double m_slowShare = 0;
};

/// The percentile in the name of a latency series at the gateway's door (0.99), or nothing.
[[nodiscard]] std::optional<double> gatewayPercentile(std::string_view series);
void add(Tally &tally, const RowCounts &row, const std::vector<Gauge> &gauges);

} // namespace engine
