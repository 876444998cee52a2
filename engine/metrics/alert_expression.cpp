#include "engine/metrics/alert_expression.h"

#include <charconv>
#include <cmath>
#include <fmt/format.h>

namespace engine {
namespace {

constexpr std::int64_t kKept = 300'000'000, kLevelAge = 60'000'000;

template <class Queue>
void forget(Queue &queue, std::int64_t end)
{
    while (!queue.empty() && queue.front().end + kKept < end)
        queue.pop_front();
}

} // namespace

void MetricMemory::take(const Window &window)
{
    for (const auto &sample : window.samples) {
        const auto metric = sampleMetric(window.source, sample.series);
        if (!metric)
            continue;
        if (metric->kind == MetricKind::Counter) {
            auto &queue = m_counts[metric->name];
            queue.push_back({window.end, sample.value});
            forget(queue, window.end);
        } else {
            m_levels[metric->name][metric->labels] = {metric->labels, sample.value, window.end};
        }
    }
    for (const auto &sample : window.sketches) {
        auto sketch = Sketch::decode(sample.sketch);
        if (!sketch)
            continue;
        auto &queue = m_sketches[sketchMetric(window.source, sample.series).name];
        queue.push_back({window.end, std::move(*sketch)});
        forget(queue, window.end);
    }
}

double MetricMemory::sum(const std::string &name, Micros range, MonoTime now) const
{
    double total = 0;
    if (const auto at = m_counts.find(name); at != m_counts.end())
        for (const auto &count : at->second)
            if (count.end > (now - range).count() && count.end <= now.count())
                total += count.value;
    return total;
}

Sketch MetricMemory::merged(const std::string &name, Micros range, MonoTime now) const
{
    Sketch out;
    if (const auto at = m_sketches.find(name); at != m_sketches.end())
        for (const auto &part : at->second)
            if (part.end > (now - range).count() && part.end <= now.count())
                out.merge(part.sketch);
    return out;
}

std::vector<MetricMemory::Level> MetricMemory::levels(const std::string &name, MonoTime now) const
{
    std::vector<Level> out;
    if (const auto at = m_levels.find(name); at != m_levels.end())
        for (const auto &[labels, level] : at->second)
            if (level.end + kLevelAge >= now.count())
                out.push_back(level);
    return out;
}

/// Reads from left to right; the first thing that does not fit ends it.
class ExpressionParser
{
public:
    explicit ExpressionParser(std::string_view text) : m_text(text) {}

    Result<AlertExpression> parse()
    {
        AlertExpression out;
        do {
            auto read = condition();
            if (!read)
                return tl::unexpected(read.error());
            out.m_conditions.push_back(std::move(*read));
        } while (take("and on()") || take("and on ()"));
        skip();
        if (m_at != m_text.size())
            return expected("the end");
        return out;
    }

private:
    using Term = AlertExpression::Term;

    Result<AlertExpression::Condition> condition()
    {
        AlertExpression::Condition out;
        auto left = term();
        if (!left)
            return tl::unexpected(left.error());
        out.left = std::move(*left);
        for (const char operation : {'/', '-', '+', '*'}) {
            if (!take({&operation, 1}))
                continue;
            out.operation = operation;
            auto right = term();
            if (!right)
                return tl::unexpected(right.error());
            out.right = std::move(*right);
            break;
        }
        for (const char *comparison : {">=", "<=", "==", "!=", ">", "<"}) {
            if (!take(comparison))
                continue;
            out.comparison = comparison;
            const auto limit = number();
            if (!limit)
                return expected("a number");
            out.limit = *limit;
            return out;
        }
        return expected("a comparison such as > 0.01");
    }

    Result<Term> term()
    {
        Term out;
        if (const auto value = number()) {
            out.number = *value;
            return out;
        }
        if (take("sum(rate(")) {
            out.kind = Term::Kind::Rate;
            DR_RETURN_IF_ERROR(ranged(out));
            if (!take("))"))
                return expected("))");
            return out;
        }
        if (take("histogram_quantile(")) {
            out.kind = Term::Kind::Quantile;
            const auto quantile = number();
            if (!quantile || *quantile < 0 || *quantile > 1)
                return expected("a quantile from 0 to 1");
            out.number = *quantile;
            if (!take(",") || !take("sum by (le) (rate("))
                return expected(", sum by (le) (rate(NAME_bucket[RANGE]))");
            DR_RETURN_IF_ERROR(ranged(out));
            if (!take(")))") || !out.name.ends_with("_bucket"))
                return expected(")))");
            out.name.resize(out.name.size() - std::string_view("_bucket").size());
            return out;
        }
        out.kind = Term::Kind::Level;
        out.name = word();
        if (out.name.empty())
            return expected("a metric, sum(rate(...)) or histogram_quantile(...)");
        if (!take("{"))
            return out;
        do {
            const auto label = word();
            if (label.empty() || !take("=\""))
                return expected("label=\"value\"");
            const auto end = m_text.find('"', m_at);
            if (end == std::string_view::npos)
                return expected("a closing quote");
            out.labels[label] = m_text.substr(m_at, end - m_at);
            m_at = end + 1;
        } while (take(","));
        if (!take("}"))
            return expected("}");
        return out;
    }

    Result<> ranged(Term &out)
    {
        out.name = word();
        if (out.name.empty() || !take("["))
            return expected("NAME[RANGE]");
        const auto amount = number();
        const bool isMinutes = amount && take("m"), isSeconds = amount && !isMinutes && take("s");
        if ((!isMinutes && !isSeconds) || *amount <= 0 || *amount * (isMinutes ? 60 : 1) > 300
            || !take("]"))
            return expected("a range of at most 5m, such as [10s]");
        out.range = Micros{static_cast<std::int64_t>(*amount * (isMinutes ? 60e6 : 1e6))};
        return {};
    }

    void skip()
    {
        while (m_at < m_text.size() && (m_text[m_at] == ' ' || m_text[m_at] == '\n'))
            ++m_at;
    }
    bool take(std::string_view what)
    {
        skip();
        if (!m_text.substr(m_at).starts_with(what))
            return false;
        m_at += what.size();
        return true;
    }
    std::optional<double> number()
    {
        skip();
        double value = 0;
        const auto [end, code] =
            std::from_chars(m_text.data() + m_at, m_text.data() + m_text.size(), value);
        if (code != std::errc() || !std::isfinite(value))
            return {};
        m_at = static_cast<std::size_t>(end - m_text.data());
        return value;
    }
    std::string word()
    {
        skip();
        const auto begin = m_at;
        while (m_at < m_text.size()
               && (std::isalnum(static_cast<unsigned char>(m_text[m_at])) || m_text[m_at] == '_'))
            ++m_at;
        return std::string(m_text.substr(begin, m_at - begin));
    }
    [[nodiscard]] tl::unexpected<Error> expected(std::string_view what) const
    {
        return fail(ErrorCode::InvalidInput,
                    fmt::format("The expression '{}' is not understood at column {}: expected {}",
                                m_text, m_at + 1, what));
    }

    std::string_view m_text;
    std::size_t m_at = 0;
};

Result<AlertExpression> AlertExpression::parse(std::string_view text)
{
    return ExpressionParser(text).parse();
}

std::vector<AlertExpression::Hit> AlertExpression::values(const Term &term,
                                                          const MetricMemory &memory, MonoTime now)
{
    std::vector<Hit> out;
    switch (term.kind) {
    case Term::Kind::Number:
        return {{{}, term.number}};
    case Term::Kind::Rate:
        return {{{},
                 memory.sum(term.name, term.range, now)
                     / (static_cast<double>(term.range.count()) / 1e6)}};
    case Term::Kind::Quantile: {
        const auto sketch = memory.merged(term.name, term.range, now);
        if (sketch.count() > 0)
            out.push_back({{}, sketch.quantile(term.number) / 1000}); // the sketch counts in ms
        return out;
    }
    case Term::Kind::Level:
        for (const auto &level : memory.levels(term.name, now)) {
            bool fits = true;
            for (const auto &[label, value] : term.labels) {
                const auto at = level.labels.find(label);
                fits = fits && at != level.labels.end() && at->second == value;
            }
            if (fits)
                out.push_back({level.labels, level.value});
        }
        return out;
    }
    return out;
}

std::vector<AlertExpression::Hit> AlertExpression::hits(const Condition &condition,
                                                        const MetricMemory &memory, MonoTime now)
{
    auto left = values(condition.left, memory, now);
    if (condition.operation != 0) {
        const auto right = values(condition.right, memory, now);
        std::vector<Hit> out;
        for (const auto &one : left)
            for (const auto &other : right) {
                if (!other.labels.empty() && !one.labels.empty() && one.labels != other.labels)
                    continue;
                const auto value = condition.operation == '/'   ? one.value / other.value
                                   : condition.operation == '-' ? one.value - other.value
                                   : condition.operation == '+' ? one.value + other.value
                                                                : one.value * other.value;
                out.push_back({one.labels, value});
            }
        left = std::move(out);
    }
    std::erase_if(left, [&](const Hit &hit) {
        const auto &c = condition.comparison;
        const auto v = hit.value, l = condition.limit;
        const bool holds = c == ">"    ? v > l
                           : c == ">=" ? v >= l
                           : c == "<"  ? v < l
                           : c == "<=" ? v <= l
                           : c == "==" ? v == l
                                       : v != l;
        return !std::isfinite(v) || !holds;
    });
    return left;
}

std::vector<AlertExpression::Hit> AlertExpression::evaluate(const MetricMemory &memory,
                                                            MonoTime now) const
{
    for (std::size_t i = 1; i < m_conditions.size(); ++i)
        if (hits(m_conditions[i], memory, now).empty())
            return {};
    return hits(m_conditions[0], memory, now);
}

} // namespace engine
