#include "ui/widgets/inspector.h"

#include "ui/theme/theme.h"
#include "ui/widgets/fact_list.h"
#include "ui/widgets/share_bar.h"
#include "ui/widgets/step_bar.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QScrollArea>
#include <QVBoxLayout>

#include <algorithm>

namespace ui {

Inspector::Inspector(QWidget *parent) : QFrame(parent)
{
    setProperty("card", QStringLiteral("side"));
    auto *outer = new QVBoxLayout(this);
    outer->setContentsMargins(0, 8, 0, 10);
    outer->setSpacing(6);
    auto *head = new QHBoxLayout;
    head->setContentsMargins(16, 2, 12, 0);
    head->addWidget(makeLabel(tr("Inspector"), "panel", "inspectorTitleLabel", this));
    head->addStretch();
    head->addWidget(makeLabel(QStringLiteral("F4"), "keycap", "inspectorKeyLabel", this));
    outer->addLayout(head);

    auto *scroll = named(new QScrollArea(this), "inspectorScrollArea");
    scroll->setWidgetResizable(true);
    scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    auto *content = named(new QWidget(scroll), "inspectorContent");
    m_body = new QVBoxLayout(content);
    m_body->setContentsMargins(8, 0, 8, 0);
    m_body->setSpacing(4);
    scroll->setWidget(content); // which would paint the window's colour over the panel
    content->setAutoFillBackground(false);
    scroll->viewport()->setAutoFillBackground(false);
    outer->addWidget(scroll, 1);

    m_empty = makeLabel(tr("No drill is running.\nStart one from Home; its steps, its fault and "
                           "everything that answers it appear here."),
                        "muted", "inspectorEmptyLabel", content);
    m_empty->setWordWrap(true);
    m_empty->setMargin(8);
    m_body->addWidget(m_empty);

    m_stepSection = section({}, "stepSection");
    m_stepLabel = makeLabel({}, "head", "stepLabel", m_stepSection);
    m_stepLabel->setContentsMargins(8, 0, 0, 0);
    m_stepBar = named(new StepBar(m_stepSection), "stepBar");
    m_steps = named(new FactList(m_stepSection), "stepList");
    for (QWidget *widget : std::initializer_list<QWidget *>{m_stepLabel, m_stepBar, m_steps})
        m_stepSection->layout()->addWidget(widget);

    m_faultSection = section(tr("Fault"), "faultSection");
    m_fault = named(new FactList(m_faultSection), "faultList");
    m_faultSection->layout()->addWidget(m_fault);
    auto *undoFrame = named(new QFrame(m_faultSection), "undoFrame");
    undoFrame->setProperty("card", QStringLiteral("inset"));
    m_undoBox = undoFrame;
    auto *undoLayout = new QVBoxLayout(undoFrame);
    undoLayout->setContentsMargins(12, 8, 12, 10);
    auto *undoHead = new QHBoxLayout;
    m_countdownName =
        makeLabel(tr("Automatic undo in"), "secondary", "countdownNameLabel", undoFrame);
    m_countdown = makeLabel({}, "number", "countdownLabel", undoFrame);
    m_countdown->setFont(typeFont(Type::Number));
    undoHead->addWidget(m_countdownName);
    undoHead->addStretch();
    undoHead->addWidget(m_countdown);
    undoLayout->addLayout(undoHead);
    m_undoProgress = named(new ShareBar(undoFrame), "undoProgressBar");
    undoLayout->addWidget(m_undoProgress);
    auto *undoButtons = new QHBoxLayout;
    m_undo = named(new QPushButton(tr("Undo now"), undoFrame), "undoNowButton");
    m_undo->setIcon(icon(QStringLiteral("undo")));
    m_acknowledge = named(new QPushButton(tr("Acknowledge"), undoFrame), "acknowledgeButton");
    m_acknowledge->setIcon(icon(QStringLiteral("check")));
    undoButtons->addWidget(m_undo);
    undoButtons->addWidget(m_acknowledge);
    undoLayout->addLayout(undoButtons);
    m_faultSection->layout()->addWidget(undoFrame);

    m_guardSection = section(tr("Guard"), "guardSection", &m_guardState);
    m_guards = named(new FactList(m_guardSection), "guardList");
    m_guardSection->layout()->addWidget(m_guards);
    m_responseSection = section(tr("Responses"), "responseSection");
    m_responses = named(new FactList(m_responseSection), "responseList");
    m_responses->setLeadWidth(52);
    m_responseSection->layout()->addWidget(m_responses);
    m_expectedSection = section(tr("Still expected"), "expectedSection");
    m_expected = named(new FactList(m_expectedSection), "expectedList");
    m_expected->setLeadWidth(52);
    m_expectedSection->layout()->addWidget(m_expected);
    m_noteSection = section(tr("Notes"), "noteSection");
    m_notes = named(new FactList(m_noteSection), "noteList");
    m_notes->setLeadWidth(52);
    m_noteSection->layout()->addWidget(m_notes);
    m_body->addStretch();

    m_abort = named(new QPushButton(tr("Abort the drill"), this), "abortDrillButton");
    m_abort->setToolTip(tr("Undoes every fault of this run and ends it as ABORTED"));
    m_note = named(new QLineEdit(this), "noteEdit");
    m_note->setPlaceholderText(tr("Note at the playhead (M)"));
    m_note->setAccessibleName(tr("Note at the playhead"));
    auto *foot = new QVBoxLayout;
    foot->setContentsMargins(12, 0, 12, 0);
    foot->addWidget(m_note);
    foot->addWidget(m_abort);
    outer->addLayout(foot);

    connect(m_undo, &QPushButton::clicked, this, [this] { Q_EMIT undoAsked(m_openFault); });
    connect(m_acknowledge, &QPushButton::clicked, this, &Inspector::acknowledgeAsked);
    connect(m_abort, &QPushButton::clicked, this, &Inspector::abortAsked);
    connect(m_note, &QLineEdit::returnPressed, this, [this] {
        const QString text = m_note->text().trimmed();
        if (text.isEmpty())
            return;
        Q_EMIT noteEntered(text);
        m_note->clear();
    });
}

QWidget *Inspector::section(const QString &title, const char *name, QLabel **trail)
{
    auto *holder = named(new QWidget(m_body->parentWidget()), name);
    auto *layout = new QVBoxLayout(holder);
    layout->setContentsMargins(0, 0, 0, 4);
    layout->setSpacing(4);
    if (!title.isEmpty()) {
        auto *line = named(new QFrame(holder), "sectionRule");
        line->setProperty("rule", QStringLiteral("h"));
        layout->addWidget(line);
        auto *head = new QHBoxLayout;
        head->setContentsMargins(8, 4, 8, 0);
        head->addWidget(makeLabel(title, "head", "sectionLabel", holder));
        head->addStretch();
        if (trail) {
            *trail = makeLabel({}, "ok", "sectionStateLabel", holder);
            head->addWidget(*trail);
        }
        layout->addLayout(head);
    }
    m_body->addWidget(holder);
    return holder;
}

void Inspector::focusNote()
{
    m_note->setFocus(Qt::ShortcutFocusReason);
}

void Inspector::show(const engine::TimelineSnapshot &snapshot, const RunFacts &facts)
{
    const auto &state = *snapshot.state;
    const bool drill = facts.drill != nullptr;
    const bool running = drill && !state.ended;
    m_empty->setVisible(!drill);
    m_stepSection->setVisible(drill);
    m_abort->setVisible(running);
    m_note->setEnabled(!state.ended);
    showSteps(snapshot, facts);
    showFault(snapshot);
    showGuard(state, facts);
    showNews(snapshot, facts);
}

void Inspector::showSteps(const engine::TimelineSnapshot &snapshot, const RunFacts &facts)
{
    if (!facts.drill)
        return;
    const auto &state = *snapshot.state;
    const auto &drill = *facts.drill;
    using engine::Phase;
    struct Step
    {
        Phase phase;
        QString text, trail, icon;
    };
    const auto seconds = [](double s) { return tr("%1 s").arg(numberText(s, 0)); };
    const double warmUp = toSeconds(drill.load.warmUp.count());
    std::vector<Step> steps;
    steps.push_back({Phase::WarmUp, tr("Warm up, %1").arg(seconds(warmUp)), {}, {}});
    steps.push_back({Phase::Steady, tr("Steady state, baseline"), {}, {}});
    for (const auto &step : drill.method)
        steps.push_back({Phase::Fault, faultText(step.fault, step.target),
                         tr("at %1").arg(seconds(toSeconds(step.at.count()))),
                         faultIcon(step.fault)});
    if (!drill.method.empty())
        steps.push_back({Phase::Recovery, tr("Watch the recovery"), {}, {}});
    steps.push_back({Phase::Holding,
                     tr("Hold steady, %1").arg(seconds(toSeconds(drill.verdict.hold.count()))),
                     {},
                     {}});
    std::vector<Fact> rows;
    int done = 0;
    const bool finished = state.ended || state.phase == Phase::Finished;
    std::size_t faultIndex = 0;
    for (const auto &step : steps) {
        const bool current = !finished && step.phase == state.phase;
        bool past = finished || step.phase < state.phase;
        if (step.phase == Phase::Fault) {
            ++faultIndex;
            past = past || (current && faultIndex <= facts.bands.size());
        }
        if (past || current)
            ++done;
        Fact row;
        row.text = step.text;
        row.trail = step.trail;
        row.current = current;
        row.tone = past || current ? Tone::Plain : Tone::Muted;
        if (!step.icon.isEmpty()) {
            row.icon = step.icon;
            row.iconTone = past || current ? Tone::Danger : Tone::Muted;
        } else {
            row.icon = past ? QStringLiteral("check")
                            : (current ? QStringLiteral("retrain") : QStringLiteral("pending"));
            row.iconTone = past ? Tone::Ok : (current ? Tone::Accent : Tone::Muted);
        }
        rows.push_back(row);
    }
    const int count = static_cast<int>(steps.size());
    m_stepLabel->setText(finished ? tr("Run finished")
                                  : tr("Step %1 of %2").arg(std::max(1, done)).arg(count));
    m_stepBar->show(done, count);
    m_steps->show(std::move(rows));
}

void Inspector::showFault(const engine::TimelineSnapshot &snapshot)
{
    const auto &state = *snapshot.state;
    const double now = toSeconds(snapshot.playhead);
    std::vector<Fact> rows;
    m_openFault = 0;
    std::optional<double> deadline;
    double openFrom = 0;
    for (const auto &[id, fault] : state.faults) {
        rows.push_back({.icon = faultIcon(fault.last.fault),
                        .text = faultText(fault.last.fault, fault.last.target),
                        .iconTone = Tone::Danger});
        using engine::FaultState;
        const auto proof = [&](const char *iconName, Tone tone, const QString &text) {
            rows.push_back({.icon = QString::fromLatin1(iconName),
                            .text = text,
                            .tone = tone,
                            .iconTone = tone});
        };
        if (fault.confirmed && fault.applied)
            proof("check", Tone::Ok,
                  tr("confirmed %1").arg(sinceText(toSeconds(*fault.confirmed - *fault.applied))));
        else if (fault.last.state == FaultState::Unconfirmed)
            proof("warning", Tone::Danger, tr("not confirmed within 2 s"));
        else if (fault.last.state == FaultState::Applied)
            proof("pending", Tone::Warning, tr("applied, waiting for its probe"));
        if (fault.last.state == FaultState::Refused)
            proof("warning", Tone::Danger, tr("refused: %1").arg(qs(fault.last.detail)));
        if (fault.last.state == FaultState::UndoFailed)
            proof("warning", Tone::Danger, tr("undo failed; run: %1").arg(qs(fault.last.detail)));
        if (fault.undone && fault.applied)
            proof("check", Tone::Ok,
                  tr("undone and verified %1")
                      .arg(sinceText(toSeconds(*fault.undone - *fault.applied))));
        if (fault.applied && !fault.undone && !state.ended && m_openFault == 0) {
            m_openFault = id;
            openFrom = toSeconds(*fault.applied);
            if (fault.last.deadline > 0)
                deadline = toSeconds(fault.last.deadline - state.run.start);
        }
    }
    m_faultSection->setVisible(!rows.empty());
    m_fault->show(std::move(rows), 9);
    m_undoBox->setVisible(m_openFault != 0);
    if (m_openFault == 0)
        return;
    m_undoProgress->setVisible(deadline.has_value());
    if (deadline) {
        m_countdownName->setText(tr("Automatic undo in"));
        m_countdown->setText(countdownText(*deadline - now));
        m_undoProgress->setShare((*deadline - now) / std::max(0.1, *deadline - openFrom));
    } else {
        m_countdownName->setText(tr("Ends when the target serves again; on for"));
        m_countdown->setText(countdownText(now - openFrom));
    }
    m_acknowledge->setEnabled(!snapshot.marks.acknowledge);
    m_acknowledge->setText(snapshot.marks.acknowledge ? tr("Acknowledged") : tr("Acknowledge"));
}

void Inspector::showGuard(const engine::RunState &state, const RunFacts &facts)
{
    const bool any = facts.drill && !facts.drill->guards.empty();
    m_guardSection->setVisible(any);
    if (!any)
        return;
    std::vector<Fact> rows;
    for (const auto &guard : facts.drill->guards)
        rows.push_back(
            {.icon = QStringLiteral("agent"), .text = tr("%1 halts the run").arg(qs(guard.text))});
    m_guards->show(std::move(rows));
    const bool tripped = state.guard.has_value();
    m_guardState->setText(tripped ? tr("tripped") : (state.ended ? tr("at rest") : tr("armed")));
    setRole(m_guardState, tripped ? "danger" : "ok");
}

void Inspector::showNews(const engine::TimelineSnapshot &snapshot, const RunFacts &facts)
{
    const auto &state = *snapshot.state;
    const auto since = [&](double t) { return sinceText(t - facts.zero); };
    struct Timed
    {
        double t;
        Fact fact;
    };
    std::vector<Timed> news;
    for (const auto &response : state.responses)
        news.push_back({toSeconds(response.from),
                        {.lead = since(toSeconds(response.from)),
                         .icon = responseIcon(response.first.kind),
                         .text = responseText(response.first),
                         .trail = qs(response.first.by),
                         .iconTone = Tone::Ok}});
    for (const auto &alert : state.alerts)
        news.push_back(
            {toSeconds(alert.from),
             {.lead = since(toSeconds(alert.from)),
              .icon = QStringLiteral("alert"),
              .text = tr("Alert: %1 %2").arg(qs(alert.first.indicator), qs(alert.first.rule)),
              .trail = tr("auto"),
              .iconTone = Tone::Warning}});
    std::vector<Fact> notes;
    for (const auto &note : state.acts) {
        const QString lead = since(toSeconds(note.t));
        if (note.act.act == engine::Act::Note)
            notes.push_back({.lead = lead, .text = qs(note.act.text)});
        else
            news.push_back(
                {toSeconds(note.t),
                 {.lead = lead,
                  .icon = QStringLiteral("note"),
                  .text = qs(engine::name(note.act.act)) + QLatin1Char(' ') + qs(note.act.target),
                  .trail = qs(note.act.who)}});
    }
    std::stable_sort(news.begin(), news.end(),
                     [](const Timed &a, const Timed &b) { return a.t < b.t; });
    std::vector<Fact> rows;
    for (auto &item : news)
        rows.push_back(std::move(item.fact));
    m_responseSection->setVisible(!rows.empty());
    m_responses->show(std::move(rows), 8);
    std::vector<Fact> expected;
    for (const auto &mark : facts.marks)
        if (mark.expected)
            expected.push_back({.lead = since(mark.t),
                                .icon = QStringLiteral("pending"),
                                .text = mark.key == QLatin1String("clear")
                                            ? tr("the fault is undone")
                                            : tr("steady, or the RTO rule fails"),
                                .trail = mark.key,
                                .tone = Tone::Muted});
    m_expectedSection->setVisible(!expected.empty());
    m_expected->show(std::move(expected));
    m_noteSection->setVisible(!notes.empty());
    m_notes->show(std::move(notes), 5);
}

} // namespace ui
