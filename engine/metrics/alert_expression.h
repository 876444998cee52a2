#pragma once
// The part of PromQL that our alert rules use, evaluated on the 100 ms windows:
//   rule   := side CMP NUMBER [and on() rule]        CMP: > >= < <= == !=
//   side   := term [(/ | - | + | *) term]
//   term   := NUMBER | NAME[{label="value",...}] | sum(rate(NAME_total[RANGE]))
//           | histogram_quantile(Q, sum by (le) (rate(NAME_bucket[RANGE])))
// Counts of the range are exact sums here, where Prometheus extrapolates between scrapes.

#include "engine/base/clock.h"
#include "engine/base/error.h"
#include "engine/metrics/metric_names.h"
#include "engine/metrics/sketch.h"

#include <deque>
#include <memory>

namespace engine {

/// The last five minutes of all windows by metric name. One thread.
class MetricMemory
{
public:
    void take(const Window &window);
    struct Level
    {
        MetricLabels labels;
        double value = 0;
        std::int64_t end = 0;
    };
    /// Sum over all label sets of a counter in (now - range, now].
    [[nodiscard]] double sum(const std::string &name, Micros range, MonoTime now) const;
    [[nodiscard]] Sketch merged(const std::string &name, Micros range, MonoTime now) const;
    /// Levels not older than a minute (as Prometheus without a newer scrape, but sooner).
    [[nodiscard]] std::vector<Level> levels(const std::string &name, MonoTime now) const;

private:
    struct Count
    {
        std::int64_t end = 0;
        double value = 0;
    };
    struct Part
    {
        std::int64_t end = 0;
        Sketch sketch;
    };
    std::map<std::string, std::deque<Count>> m_counts;
    std::map<std::string, std::deque<Part>> m_sketches;
    std::map<std::string, std::map<MetricLabels, Level>> m_levels;
};

class AlertExpression
{
public:
    /// InvalidInput with the column and what was expected.
    [[nodiscard]] static Result<AlertExpression> parse(std::string_view text);
    struct Hit
    {
        MetricLabels labels;
        double value = 0;
    };
    /// What fulfils the condition now; a division by nothing fulfils none.
    [[nodiscard]] std::vector<Hit> evaluate(const MetricMemory &memory, MonoTime now) const;

private:
    friend class ExpressionParser;
    struct Term
    {
        enum class Kind { Number, Level, Rate, Quantile } kind = Kind::Number;
        double number = 0; ///< the number, or q
        std::string name;
        MetricLabels labels;
        Micros range{0};
    };
    struct Condition
    {
        Term left;
        char operation = 0; ///< between left and right; 0: left alone
        Term right;
        std::string comparison;
        double limit = 0;
    };
    [[nodiscard]] static std::vector<Hit> values(const Term &term, const MetricMemory &memory,
                                                 MonoTime now);
    [[nodiscard]] static std::vector<Hit> hits(const Condition &condition,
                                               const MetricMemory &memory, MonoTime now);
    std::vector<Condition> m_conditions; ///< the first one's hits, while the others have some too
};

} // namespace engine
