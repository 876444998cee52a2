// How the counts become measures, a word and a sentence.

#include "engine/drill/judge_state.h"

#include "engine/base/exact_math.h"

#include <fmt/format.h>

namespace engine {
namespace {

constexpr double kLeastAnswers = 100; ///< below, a share says nothing
constexpr double kConfirmWithin = 2.0;
constexpr double kMostMasked = 0.20;
constexpr std::uint32_t kLeastBaselineWindows = 5;

double toSeconds(std::int64_t micros)
{
    return static_cast<double>(micros) / 1e6;
}

std::string at(std::int64_t micros)
{
    return fmt::format("{:.1f} s", toSeconds(micros));
}

std::string percent(double share)
{
    return fmt::format("{:.2f} %", share * 100);
}

/// Whatever a hostile state holds, the conversion is defined.
std::uint64_t whole(double count)
{
    return count >= 0 && count < 1e15 ? static_cast<std::uint64_t>(count) : 0;
}

/// "6,450": the same in every locale.
std::string grouped(std::uint64_t number)
{
    std::string text = std::to_string(number);
    for (auto i = static_cast<std::ptrdiff_t>(text.size()) - 3; i > 0; i -= 3)
        text.insert(static_cast<std::size_t>(i), 1, ',');
    return text;
}

/// How much of an upper limit is used; of a lower limit near 1, how much of the way from 1 down.
std::optional<double> used(const Rule &rule, double value)
{
    const bool upper = rule.compare == Compare::LessEqual || rule.compare == Compare::Less;
    if (upper)
        return rule.value > 0 ? std::optional(value / rule.value)
                              : (value <= 0 ? std::optional(0.0) : std::nullopt);
    if ((rule.compare == Compare::GreaterEqual || rule.compare == Compare::Greater)
        && rule.value < 1 && rule.value > 0)
        return std::max(0.0, (1 - value) / (1 - rule.value));
    return std::nullopt;
}

/// A rule that broke: when, and the sentence for it.
struct Break
{
    std::int64_t at = 0;
    std::string text;
};

/// Half the width of the 95 % interval of earned / expected, from the spread of its 1 s windows
/// (linearised ratio estimator: Cochran, Sampling Techniques, 3rd ed., 6.3).
double halfInterval(double ee, double ex, double xx, double n, double ratio, double expected)
{
    if (n < 2 || expected <= 0)
        return 0;
    const double spread = std::max(0.0, ee - 2 * ratio * ex + ratio * ratio * xx);
    return 1.96 * exact::sqrt(n / (n - 1) * spread) / expected;
}

} // namespace

/// Collects measures and what broke, then says the word.
class VerdictMaker
{
public:
    explicit VerdictMaker(const Judge::State &state)
        : m_state(state), m_seen(state.config ? state.excursionsToDate() : Excursions{})
    {
    }

    Verdict make()
    {
        if (m_state.config) {
            marks();
            measures();
        }
        word();
        m_verdict.sentence = sentence();
        return std::move(m_verdict);
    }

private:
    [[nodiscard]] const Drill &drill() const { return m_state.config->drill; }
    [[nodiscard]] bool isOver() const { return m_state.ended.has_value(); }
    Word wordOf(bool holds) const
    {
        return !isOver() ? Word::Running : holds ? Word::Pass : Word::Fail;
    }

    Measure &add(std::string name, const Rule &rule, std::string unit)
    {
        Measure measure;
        measure.name = std::move(name);
        measure.rule = rule.text();
        measure.unit = std::move(unit);
        m_verdict.measures.push_back(std::move(measure));
        return m_verdict.measures.back();
    }
    void judge(Measure &measure, const Rule &rule, double value, std::int64_t brokeAt,
               const std::string &what)
    {
        measure.value = value;
        measure.limitUsed = used(rule, value);
        measure.verdict = wordOf(rule.holds(value));
        if (measure.verdict == Word::Fail)
            m_breaks.push_back({brokeAt, what});
    }
    void doubt(Measure &measure, std::string why)
    {
        if (!isOver())
            return;
        measure.verdict = Word::Inconclusive;
        m_doubts.push_back(std::move(why));
    }

    void marks();
    void rpo();
    void measures();
    void rto(const Rule &rule);
    void budget(const Rule &rule);
    void quality(const Rule &rule);
    void series(const Gauge &gauge, std::size_t index);
    void cleared();
    void word();
    [[nodiscard]] std::string whyVoid();
    [[nodiscard]] std::string sentence() const;
    [[nodiscard]] std::string switchedOff() const;

    const Judge::State &m_state;
    Excursions m_seen;
    Verdict m_verdict;
    std::vector<Break> m_breaks;
    std::vector<std::string> m_doubts;
};

void VerdictMaker::marks()
{
    auto &v = m_verdict;
    v.faults = static_cast<std::uint32_t>(drill().method.size());
    v.marks.inject = m_state.inject;
    v.marks.detect = m_state.detect;
    v.marks.acknowledge = m_state.acknowledge;
    v.marks.mitigate = m_state.mitigate;
    if (const auto &first = m_seen.first())
        v.marks.impact = first->impact;
    v.marks.steady = m_seen.steady();
    v.episodes = m_seen.episodes();
    v.windows = m_state.windows;
    v.masked = m_state.masked;
    v.requests = whole(m_state.judged.answered);
    v.failed = whole(m_state.judged.failed);
    v.late = whole(m_state.judged.late);

    bool allConfirmed = true, allUndone = true;
    std::uint32_t applied = 0;
    std::optional<std::int64_t> clear;
    for (const auto &[id, fault] : m_state.faults) {
        if (!fault.applied)
            continue;
        ++applied;
        if (fault.confirmed) {
            const double delay = toSeconds(*fault.confirmed - *fault.applied);
            v.confirmSeconds = std::max(v.confirmSeconds.value_or(delay), delay);
            allConfirmed = allConfirmed && delay <= kConfirmWithin;
        } else {
            allConfirmed = false;
        }
        if (fault.undone) {
            clear = std::max(clear.value_or(*fault.undone), *fault.undone);
            if (fault.undoing) {
                const double took = toSeconds(*fault.undone - *fault.undoing);
                v.undoSeconds = std::max(v.undoSeconds.value_or(took), took);
            }
        }
        allUndone = allUndone && fault.undone && !fault.undoFailed;
    }
    const bool all = applied > 0 && applied >= v.faults;
    v.injectConfirmed = all && allConfirmed;
    v.undoVerified = all && allUndone;
    if (all && allUndone)
        v.marks.clear = clear;
    if (v.marks.detect && v.marks.inject)
        v.detectSeconds = toSeconds(*v.marks.detect - *v.marks.inject);
}

void VerdictMaker::rto(const Rule &rule)
{
    auto &measure = add("rto", rule, "s");
    const auto longest = m_seen.longest();
    const auto &open = m_seen.open();
    if (m_seen.episodes() > 1)
        measure.detail = fmt::format("{} episodes, the longest counts", m_seen.episodes());
    if (!longest) {
        if (!isOver())
            return;
        if (!m_state.judgedFrom
            || m_seen.observedTo() - *m_state.judgedFrom < drill().verdict.hold.count()) {
            doubt(measure, "The run was too short: load ended before one hold had passed after the "
                           "inject. Make `length` longer.");
            return;
        }
        measure.detail = "absorbed: no impact";
        m_verdict.rtoSeconds = 0;
        judge(measure, rule, 0, 0, "");
        return;
    }
    const double seconds = toSeconds(longest->length());
    const auto limit = static_cast<std::int64_t>(rule.value * 1e6);
    const auto what = [&](std::string_view state) {
        return fmt::format("rto {}: {} went outside at {} and {} after {:.1f} s", rule.text(),
                           m_state.indicatorNames(longest->outside), at(longest->impact), state,
                           seconds);
    };
    if (!open) {
        m_verdict.rtoSeconds = seconds;
        judge(measure, rule, seconds, longest->impact + limit, what("was steady only"));
        return;
    }
    // Not steady yet, or never.
    if (!rule.holds(seconds))
        judge(measure, rule, seconds, longest->impact + limit, what("was not steady even"));
    else
        doubt(measure, fmt::format("The run was too short: {} was outside at {} and the hold of "
                                   "{:.0f} s after it was not finished. Make `length` longer.",
                                   m_state.indicatorNames(open->outside), at(open->impact),
                                   toSeconds(drill().verdict.hold.count())));
    measure.value.reset(); // no RTO was reached
}

void VerdictMaker::budget(const Rule &rule)
{
    auto &measure = add("budget", rule, "share");
    const auto &sum = m_state.judged;
    if (m_state.worstBudget) {
        measure.worst = m_state.worstBudget->value;
        if (*measure.worst > 0)
            measure.detail = fmt::format("worst second {} at {}", percent(*measure.worst),
                                         at(m_state.worstBudget->at));
    }
    if (!m_verdict.budget)
        return doubt(measure, "No request was answered in the judged span.");
    const auto worstAt = m_state.worstBudget ? m_state.worstBudget->at : 0;
    judge(
        measure, rule, *m_verdict.budget, m_state.budgetBroke.value_or(worstAt),
        fmt::format("budget {}: {} failed and {} late of {} requests ({}), the worst second at {}",
                    rule.text(), grouped(whole(sum.failed)), grouped(whole(sum.late)),
                    grouped(whole(sum.answered)), percent(*m_verdict.budget), at(worstAt)));
}

void VerdictMaker::quality(const Rule &rule)
{
    auto &measure = add("quality", rule, "share");
    auto limit = rule;
    if (rule.ofBaseline) {
        limit.value = m_state.baseline.expected > 0
                          ? rule.value * m_state.baseline.earned / m_state.baseline.expected
                          : 1;
    }
    if (m_state.worstQuality) {
        measure.worst = m_state.worstQuality->value;
        measure.detail =
            fmt::format("worst 10 s {:.3f} at {}", *measure.worst, at(m_state.worstQuality->at));
    }
    if (!m_verdict.quality)
        return doubt(measure, "No labelled request was answered in the judged span.");
    const auto &sum = m_state.judged;
    const double value = *m_verdict.quality;
    const auto worstAt =
        m_state.worstQuality ? m_state.worstQuality->at : m_state.judgedFrom.value_or(0);
    judge(
        measure, limit, value, worstAt,
        fmt::format("quality {}: {:.4f} earned of what the reference model earns, worst around {}",
                    rule.text(), value, at(worstAt)));
    const double half = halfInterval(m_state.qualityEE, m_state.qualityEX, m_state.qualityXX,
                                     m_state.qualityN, value, sum.expected);
    const bool primaryServed = sum.answered > 0 && sum.primary / sum.answered > 0.99;
    if (m_state.synthetic || primaryServed || half <= 0)
        return;
    // Real labels are rare events: an interval that straddles the limit decides nothing.
    measure.detail += fmt::format("{}95 % interval {:.4f} to {:.4f}",
                                  measure.detail.empty() ? "" : ", ", value - half, value + half);
    if (limit.holds(value - half) != limit.holds(value + half)) {
        std::erase_if(m_breaks, [](const Break &b) { return b.text.starts_with("quality "); });
        doubt(measure, fmt::format("The 95 % interval of quality, {:.4f} to {:.4f}, straddles the "
                                   "limit {}: too few labelled requests. Run longer or faster.",
                                   value - half, value + half, rule.text()));
    }
}

void VerdictMaker::series(const Gauge &gauge, std::size_t index)
{
    const auto &indicator = gauge.indicator();
    const bool isLatency = gauge.kind() == Gauge::Kind::Latency;
    const bool isLevel = gauge.kind() == Gauge::Kind::Level;
    auto &measure = add(indicator.series, indicator.rule,
                        isLatency || indicator.rule.unit == Unit::Share ? "share"
                        : indicator.rule.unit == Unit::Millis           ? "ms"
                        : indicator.rule.unit == Unit::Seconds          ? "s"
                                                                        : "");
    const double value = gauge.reading(m_state.judged, index);
    const auto &worst = m_state.worstGauge[index];
    if (std::isnan(value))
        return doubt(measure, fmt::format("The series {} was not measured in the judged span.",
                                          indicator.series));
    if (worst.at >= 0 && !isLevel) {
        measure.worst = worst.value;
        measure.detail = fmt::format("worst second at {}", at(worst.at));
    }
    measure.value = value;
    if (isLatency) {
        // From the counts alone: the share of answers slower than the limit.
        measure.detail += fmt::format("{}{} of the answers slower than the limit",
                                      measure.detail.empty() ? "" : ", ", percent(value));
        measure.limitUsed = value / gauge.slowShare();
    } else {
        measure.limitUsed = used(indicator.rule, value);
    }
    measure.verdict = wordOf(gauge.holdsOver(m_state.judged, index, m_state.limits[index]));
    if (measure.verdict == Word::Fail)
        m_breaks.push_back({std::max<std::int64_t>(worst.at, 0),
                            fmt::format("{} {}: {} at {}", indicator.series, indicator.rule.text(),
                                        isLatency ? percent(value) + " of the answers were slower"
                                                  : fmt::format("{:.10g}", value),
                                        at(std::max<std::int64_t>(worst.at, 0)))});
}

void VerdictMaker::cleared()
{
    if (!isOver())
        return;
    for (const auto &[id, fault] : m_state.faults) {
        if (!fault.applied || (fault.undone && !fault.undoFailed))
            continue;
        m_breaks.push_back(
            {*m_state.ended,
             fmt::format("{} on {} was not cleared by the end{}", fault.fault, fault.target,
                         fault.undoFailed ? ": its undo failed. " + fault.detail : std::string())});
    }
}

void VerdictMaker::rpo()
{
    const auto cost = m_state.dataLoss.cost();
    if (cost) {
        m_verdict.rpoEvents = cost->events;
        m_verdict.rpoSeconds = cost->seconds;
    }
    const auto &rule = drill().verdict.rpo;
    if (!rule)
        return;
    const bool inSeconds = rule->unit == Unit::Seconds;
    auto &measure = add("rpo", *rule, inSeconds ? "s" : "events");
    if (!m_state.dataLoss.happened())
        return doubt(measure, "No fault of this run loses data, so RPO was not measured.");
    if (!cost)
        return doubt(measure, "The store did not open again, so RPO was not measured.");
    measure.detail = fmt::format("{:.0f} acknowledged events lost", cost->events);
    judge(measure, *rule, inSeconds ? cost->seconds : cost->events, m_state.inject.value_or(0),
          fmt::format("rpo {}: {:.0f} acknowledged events of the last {:.1f} s before the loss "
                      "cannot be recovered",
                      rule->text(), cost->events, cost->seconds));
}

void VerdictMaker::measures()
{
    const auto &rules = drill().verdict;
    const auto &sum = m_state.judged;
    if (sum.answered > 0)
        m_verdict.budget = (sum.failed + sum.late) / sum.answered;
    if (sum.expected > 0)
        m_verdict.quality = sum.earned / sum.expected;
    if (rules.rto)
        rto(*rules.rto);
    else if (isOver() && !m_seen.open())
        m_verdict.rtoSeconds = m_seen.longest() ? toSeconds(m_seen.longest()->length()) : 0;
    if (!rules.rto && isOver() && m_seen.open())
        m_doubts.push_back(
            fmt::format("The run was too short: {} went outside at {} and was not steady by the "
                        "end.",
                        m_state.indicatorNames(m_seen.open()->outside), at(m_seen.open()->impact)));
    if (rules.budget)
        budget(*rules.budget);
    if (rules.quality)
        quality(*rules.quality);
    rpo();
    if (rules.detect) {
        auto &measure = add("detect", *rules.detect, "s");
        const auto limit = static_cast<std::int64_t>(rules.detect->value * 1e6);
        if (m_verdict.detectSeconds)
            judge(measure, *rules.detect, *m_verdict.detectSeconds,
                  m_state.inject.value_or(0) + limit,
                  fmt::format("detect {}: the first alarm rang {:.1f} s after the inject",
                              rules.detect->text(), *m_verdict.detectSeconds));
        else if (m_verdict.marks.impact) {
            measure.verdict = wordOf(false);
            if (isOver())
                m_breaks.push_back({m_state.inject.value_or(0) + limit,
                                    "detect " + rules.detect->text() + ": no alarm rang"});
        } else {
            measure.detail = "absorbed: nothing to detect";
            measure.verdict = wordOf(true);
        }
    }
    if (rules.undo) {
        auto &measure = add("undo", *rules.undo, "s");
        if (m_verdict.undoSeconds)
            judge(measure, *rules.undo, *m_verdict.undoSeconds, m_state.ended.value_or(0),
                  fmt::format("undo {}: it took {:.1f} s", rules.undo->text(),
                              *m_verdict.undoSeconds));
        else {
            measure.detail = "nothing was undone by the tool";
            measure.verdict = wordOf(true);
        }
    }
    if (rules.alarms)
        judge(add("alarms", *rules.alarms, ""), *rules.alarms, static_cast<double>(m_state.alarms),
              m_state.alarmBroke.value_or(0),
              fmt::format("alarms {}: {} rang at {}", rules.alarms->text(), m_state.alarmBehind,
                          at(m_state.alarmBroke.value_or(0))));
    if (rules.responses) {
        auto &measure = add("responses", *rules.responses, "");
        const auto clean = m_state.responses - m_state.responsesMasked;
        judge(measure, *rules.responses, static_cast<double>(m_state.responses),
              m_state.responseBroke.value_or(0),
              fmt::format("responses {}: {} acted at {}", rules.responses->text(),
                          m_state.responseBehind, at(m_state.responseBroke.value_or(0))));
        if (measure.verdict == Word::Fail && rules.responses->holds(static_cast<double>(clean))) {
            m_breaks.pop_back();
            m_verdict.hostNoise = true;
            measure.detail = fmt::format("{} of them during a host stall", m_state.responsesMasked);
            doubt(measure, "A response acted while this host stalled: nothing can be said of it. "
                           "Run again on a quieter host.");
        }
    }
    for (std::size_t i = m_state.config->steadyCount; i < m_state.config->gauges.size(); ++i)
        series(m_state.config->gauges[i], i);
    cleared();
}

/// Why nothing can be concluded whatever the measures say, or "".
std::string VerdictMaker::whyVoid()
{
    const auto &method = drill().method;
    std::size_t applied = 0;
    for (const auto &[id, fault] : m_state.faults) {
        const auto what = fmt::format("{} on {}", fault.fault, fault.target);
        if (fault.refused && !fault.applied)
            return fmt::format("The fault {} was refused: {}", what, fault.detail);
        if (!fault.applied)
            continue;
        ++applied;
        if (!fault.confirmed)
            return fmt::format("The fault {} was not confirmed: its effect was not seen within "
                               "{:.0f} s{}{}",
                               what, kConfirmWithin, fault.detail.empty() ? "" : ": ",
                               fault.detail);
        const double delay = toSeconds(*fault.confirmed - *fault.applied);
        if (delay > kConfirmWithin)
            return fmt::format("The fault {} was confirmed only after {:.1f} s; {:.0f} s are "
                               "allowed",
                               what, delay, kConfirmWithin);
    }
    if (applied < method.size())
        return fmt::format("Of {} faults {} were applied; nothing was tested", method.size(),
                           applied);
    if (!m_state.judgedFrom)
        return "No request was judged";
    if (*m_state.judgedFrom - drill().load.warmUp.count() < kLeastBaselineWindows * kSecond
        || m_state.baselineWindows < kLeastBaselineWindows)
        return fmt::format("No steady state before: only {} s of baseline were seen between "
                           "warm-up and inject, {} are needed",
                           m_state.baselineWindows, kLeastBaselineWindows);
    if (const auto &outside = m_state.baselineOutside)
        return fmt::format("No steady state before: {} was outside at {}, before the inject",
                           m_state.indicatorNames(outside->outside), at(outside->impact));
    for (std::size_t i = 0; i < m_state.config->steadyCount; ++i) {
        const auto &gauge = m_state.config->gauges[i];
        if (gauge.kind() == Gauge::Kind::Quality && !gauge.indicator().rule.ofBaseline
            && !gauge.holdsOver(m_state.baseline, i, m_state.limits[i]))
            return fmt::format("No steady state before: {} was {:.4f} before the inject",
                               gauge.indicator().name, gauge.reading(m_state.baseline, i));
    }
    const auto span = drill().load.length.count() - *m_state.judgedFrom;
    const auto due = static_cast<std::uint32_t>(std::max<std::int64_t>(0, span / kSecond));
    if (m_state.gaps > 0 || m_state.windows < due) {
        m_verdict.hostNoise = m_state.masked > 0;
        return fmt::format(
            "A gap: traffic's own windows are missing in {} of {} s, first at {}",
            m_state.gaps + (due > m_state.windows ? due - m_state.windows : 0), due,
            at(m_state.firstGap.value_or(*m_state.judgedFrom + m_state.windows * kSecond)));
    }
    if (m_state.windows > 0
        && static_cast<double>(m_state.masked) > kMostMasked * m_state.windows) {
        m_verdict.hostNoise = true;
        return fmt::format("This host was too busy: stalls over 20 ms touched {} of {} windows, "
                           "20 % are allowed. Close other programs and run again",
                           m_state.masked, m_state.windows);
    }
    if (m_state.lagOf > 0 && m_state.lagSure > 0.01 * m_state.lagOf) {
        m_verdict.hostNoise = true;
        return fmt::format("Traffic fell behind its own schedule: its p99 lag exceeded {:.10g} ms, "
                           "10 % of the tightest latency limit. Lower the rate or free this host",
                           *m_state.config->lagLimit);
    }
    if (m_state.judged.answered < kLeastAnswers)
        return fmt::format("Too few samples: {} answers in the judged span, {} are needed",
                           m_state.judged.answered, kLeastAnswers);
    return {};
}

void VerdictMaker::word()
{
    auto &v = m_verdict;
    if (!isOver())
        return;
    const auto end = static_cast<EndReason>(m_state.endReason);
    if (end == EndReason::Errored) {
        v.word = Word::Errored;
        v.reason = m_state.endDetail.empty() ? "The tool itself failed" : m_state.endDetail;
        return;
    }
    if (end == EndReason::Aborted || !m_state.guard.empty() || m_state.halted) {
        v.word = Word::Aborted;
        v.reason = !m_state.guard.empty()       ? "The guard tripped: " + m_state.guard
                   : !m_state.endDetail.empty() ? m_state.endDetail
                                                : std::string("An operator stopped the run");
        return;
    }
    if (!m_state.config) {
        v.word = Word::Errored;
        v.reason = "The drill inside the recording cannot be read";
        return;
    }
    if (auto why = whyVoid(); !why.empty()) {
        v.word = Word::Inconclusive;
        v.reason = std::move(why);
    } else if (!m_breaks.empty()) {
        const auto first = std::min_element(m_breaks.begin(), m_breaks.end(),
                                            [](auto &a, auto &b) { return a.at < b.at; });
        v.word = Word::Fail;
        v.hostNoise = false;
        v.reason = first->text;
        v.reasonAt = first->at;
    } else if (!m_doubts.empty()) {
        v.word = Word::Inconclusive;
        v.reason = m_doubts.front();
    } else {
        v.word = Word::Pass;
        v.hostNoise = false;
    }
}

std::string VerdictMaker::switchedOff() const
{
    std::string names;
    for (const auto &name : m_state.switchedOff)
        names += (names.empty() ? "" : ", ") + name;
    return names.empty() ? names : fmt::format(" Switched off for this run: {}.", names);
}

std::string VerdictMaker::sentence() const
{
    const auto &v = m_verdict;
    switch (v.word) {
    case Word::Running:
        return "The run is not over.";
    case Word::Errored:
        return "The tool failed, so nothing can be said about the shop.";
    case Word::Aborted:
        return "The run was stopped before its end.";
    case Word::Inconclusive:
        return "Nothing can be concluded from this run." + switchedOff();
    case Word::Pass:
    case Word::Fail:
        break;
    }
    const auto bad = v.failed + v.late;
    auto text =
        fmt::format("Users saw {} bad answer{} out of {} ({}).", grouped(bad), bad == 1 ? "" : "s",
                    grouped(v.requests), percent(v.budget.value_or(0)));
    if (v.faults == 0)
        text += m_state.alarms + m_state.responses == 0
                    ? " Nothing was broken, no alarm rang and nothing responded."
                    : fmt::format(" Nothing was broken, yet {} alarms rang and {} responses acted.",
                                  m_state.alarms, m_state.responses);
    else if (!v.marks.impact)
        text += " The fault was absorbed: no indicator left its steady state.";
    else if (v.rtoSeconds)
        text += fmt::format(" Service was steady again {:.1f} s after the first impact.",
                            *v.rtoSeconds);
    else
        text += " Service was not steady again by the end.";
    return text + switchedOff();
}

Verdict Judge::State::verdict() const
{
    return VerdictMaker(*this).make();
}

} // namespace engine
