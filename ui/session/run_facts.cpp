#include "ui/session/run_facts.h"

#include "engine/metrics/window.h"

#include <QCoreApplication>

#include <algorithm>

namespace ui {

namespace {

struct Words
{
    Q_DECLARE_TR_FUNCTIONS(RunFacts)
};

QString tr(const char *text)
{
    return Words::tr(text);
}

Limits limitsOf(const engine::Drill &drill)
{
    Limits limits;
    for (const auto &indicator : drill.steadyState) {
        if (indicator.rule.ofBaseline)
            continue;
        if (indicator.series == engine::series::kP99)
            limits.p99Millis = indicator.rule.value;
        else if (indicator.series == engine::series::kFailed)
            limits.failedShare = indicator.rule.value;
        else if (indicator.series == engine::series::kQuality)
            limits.qualityFloor = indicator.rule.value;
    }
    if (drill.verdict.budget && !drill.verdict.budget->ofBaseline)
        limits.budgetShare = drill.verdict.budget->value;
    if (drill.verdict.rto)
        limits.rtoSeconds = drill.verdict.rto->value;
    limits.rate = drill.load.rate;
    return limits;
}

FaultBand bandOf(const engine::FaultView &fault, const engine::RunState &state, double now)
{
    FaultBand band;
    band.id = fault.last.id;
    band.text = faultText(fault.last.fault, fault.last.target);
    band.icon = faultIcon(fault.last.fault);
    band.from = toSeconds(*fault.applied);
    band.open = !fault.undone;
    band.to = fault.undone ? toSeconds(*fault.undone) : std::max(now, band.from);
    band.confirmed = fault.confirmed.has_value();
    if (band.open && fault.last.deadline > 0)
        band.expectedTo = toSeconds(fault.last.deadline - state.run.start);
    return band;
}

void addExpected(RunFacts &facts, const engine::Marks &marks, double now)
{
    if (!marks.inject || (marks.clear && marks.steady))
        return;
    if (!marks.clear) {
        for (const auto &band : facts.bands) {
            if (band.open && band.expectedTo && *band.expectedTo > now) {
                facts.marks.push_back(
                    {QStringLiteral("clear"), tr("clear, expected"), *band.expectedTo, true, true});
                break;
            }
        }
    }
    if (marks.impact && !marks.steady && facts.limits.rtoSeconds > 0) {
        const double due = toSeconds(*marks.impact) + facts.limits.rtoSeconds;
        if (due > now)
            facts.marks.push_back({QStringLiteral("steady"), tr("steady, due"), due, true, false});
    }
}

} // namespace

RunFacts FactReader::read(const engine::TimelineSnapshot &snapshot, bool wholeRun)
{
    RunFacts facts;
    const auto &state = *snapshot.state;
    if (state.run.drill != m_drillJson) {
        m_drillJson = state.run.drill;
        m_drill.reset();
        if (auto drill = engine::fromCanonicalJson(m_drillJson))
            m_drill = std::make_shared<const engine::Drill>(std::move(*drill));
    }
    if (!state.run.drill.empty() && m_drill) {
        facts.drill = m_drill;
        facts.title = qs(m_drill->title);
        facts.limits = limitsOf(*m_drill);
    }
    const auto &marks = snapshot.marks;
    if (marks.inject) {
        facts.zero = toSeconds(*marks.inject);
        facts.zeroIsInject = true;
    }
    const double now = toSeconds(wholeRun ? snapshot.end : snapshot.playhead);
    for (const auto &[id, fault] : state.faults)
        if (fault.applied)
            facts.bands.push_back(bandOf(fault, state, now));
    facts.faultOn = std::any_of(facts.bands.begin(), facts.bands.end(),
                                [](const FaultBand &band) { return band.open; })
                    && !state.ended;
    const auto add = [&](const char *key, const QString &name, std::optional<std::int64_t> at,
                         bool fault) {
        if (at && (wholeRun || *at <= snapshot.playhead))
            facts.marks.push_back({QString::fromLatin1(key), name, toSeconds(*at), false, fault});
    };
    add("inject", tr("inject"), marks.inject, true);
    add("impact", tr("impact"), marks.impact, false);
    add("detect", tr("detect"), marks.detect, false);
    add("ack", tr("ack"), marks.acknowledge, false);
    add("mitigate", tr("mitigate"), marks.mitigate, false);
    add("clear", tr("clear"), marks.clear, true);
    add("steady", tr("steady"), marks.steady, false);
    if (!wholeRun && !state.ended)
        addExpected(facts, marks, now);
    std::stable_sort(facts.marks.begin(), facts.marks.end(),
                     [](const PhaseMark &a, const PhaseMark &b) { return a.t < b.t; });
    return facts;
}

} // namespace ui
