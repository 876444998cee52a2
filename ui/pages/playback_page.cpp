#include "ui/pages/playback_page.h"

#include "ui/session/background.h"
#include "ui/session/track_data.h"
#include "ui/theme/theme.h"
#include "ui/widgets/timeline_panel.h"
#include "ui/widgets/track_stack.h"
#include "ui/widgets/verdict_card.h"

#include <QLabel>
#include <QVBoxLayout>

#include <algorithm>

namespace ui {

namespace {

constexpr int kGutter = 112;
constexpr double kLead = 10;          ///< seconds shown before inject when a recording opens
constexpr int kCoarseBins = 90;       ///< while the playhead is dragged
constexpr double kVerifiedSlack = 10; ///< seconds: states are checked at keyframes

bool same(const engine::Marks &a, const engine::Marks &b)
{
    return a.inject == b.inject && a.impact == b.impact && a.detect == b.detect
           && a.acknowledge == b.acknowledge && a.mitigate == b.mitigate && a.clear == b.clear
           && a.steady == b.steady;
}

} // namespace

PlaybackPage::PlaybackPage(QWidget *parent) : Page(parent)
{
    m_clock.start();
    buildLayout();
    connectParts();
}

PlaybackPage::~PlaybackPage() = default;

void PlaybackPage::buildLayout()
{
    auto *outer = new QVBoxLayout(this);
    outer->setContentsMargins(0, 0, 0, 0);
    m_empty = makeLabel(tr("No recording is open.\nOpen one from Recent runs on Home, drop a "
                           "file here, or press Ctrl+O."),
                        "muted", "playbackEmptyLabel", this);
    m_empty->setAlignment(Qt::AlignCenter);
    m_empty->setWordWrap(true);
    m_empty->setMargin(48);
    outer->addWidget(m_empty, 1);
    m_content = named(new QWidget(this), "playbackContent");
    auto *column = new QVBoxLayout(m_content);
    column->setContentsMargins(12, 8, 12, 8);
    column->setSpacing(8);
    m_verdict = named(new VerdictCard(m_content), "verdictCard");
    column->addWidget(m_verdict);
    auto *trackCard = named(new QFrame(m_content), "playbackTrackCard");
    trackCard->setProperty("card", true);
    auto *trackLayout = new QVBoxLayout(trackCard);
    trackLayout->setContentsMargins(1, 1, 1, 1);
    m_tracks = named(new TrackStack(trackCard), "playbackTrackStack");
    m_tracks->setRightGutter(kGutter);
    trackLayout->addWidget(m_tracks);
    column->addWidget(trackCard, 1);
    m_panel = named(new TimelinePanel(m_content), "playbackTimelinePanel");
    m_panel->setRightGutter(kGutter);
    column->addWidget(m_panel);
    outer->addWidget(m_content, 1);
    m_content->hide();
}

void PlaybackPage::connectParts()
{
    connect(m_tracks, &TrackStack::seekAsked, this, &PlaybackPage::seekTo);
    connect(m_panel, &TimelinePanel::seekAsked, this, &PlaybackPage::goTo);
    connect(m_panel, &TimelinePanel::windowAsked, this, [this](double from) {
        m_window.from = from;
        keepMoving();
    });
    connect(m_tracks, &TrackStack::zoomAsked, this, [this](double factor, double around) {
        m_window.zoom(factor, around, m_playhead.end() + 10);
        keepMoving();
    });
    auto &transport = m_panel->transport();
    connect(&transport, &TransportBar::playToggled, this, [this] { setPlaying(!isPlaying()); });
    connect(&transport, &TransportBar::stepAsked, this, &PlaybackPage::stepEvent);
    connect(&transport, &TransportBar::faultStepAsked, this, &PlaybackPage::stepFault);
    connect(&transport, &TransportBar::loopToggled, this, &PlaybackPage::toggleLoop);
    connect(m_verdict, &VerdictCard::reportAsked, this, [this] {
        if (m_timeline)
            Q_EMIT reportAsked(qs(m_timeline->path()));
    });
    connect(m_verdict, &VerdictCard::rerunAsked, this, [this] { Q_EMIT rerunAsked(m_title); });
    connect(m_verdict, &VerdictCard::reasonAsked, this, &PlaybackPage::goToReason);
    m_fast.setTimerType(Qt::PreciseTimer);
    connect(&m_fast, &QTimer::timeout, this, &PlaybackPage::refresh);
}

void PlaybackPage::open(std::unique_ptr<engine::Timeline> timeline)
{
    m_seeker.attach(nullptr);
    retire(std::exchange(m_timeline, std::move(timeline)));
    m_seeker.attach(m_timeline.get());
    m_shown.reset();
    m_reader = {};
    m_facts = {};
    m_factsEnd = -1;
    m_index.clear();
    m_window = {};
    m_title.clear();
    m_playhead = {};
    m_placed = false;
    m_whole.reset();
    m_reasonAt.reset();
    setPlaying(false);
    showLoop();
    m_empty->hide();
    m_content->show();
    m_timeline
        ->pinToEnd(); // the verdict is read from the state at the end, then the playhead moves
    m_tracks->setFocus();
}

QString PlaybackPage::sinceText() const
{
    return clockText(m_playhead.at() - m_facts.zero);
}

QString PlaybackPage::verifiedText() const
{
    if (!m_shown)
        return {};
    const double to = toSeconds(m_shown->verifiedTo);
    const double end = toSeconds(m_shown->end);
    if (to <= 0)
        return tr("not verified yet");
    return to + kVerifiedSlack >= end
               ? tr("verified to its end")
               : tr("verified to %1 of %2").arg(clockText(to), clockText(end));
}

void PlaybackPage::placeWindow(const engine::TimelineSnapshot &snapshot)
{
    m_placed = true;
    const double end = toSeconds(snapshot.end);
    m_window.from = m_facts.zeroIsInject ? std::max(0.0, m_facts.zero - kLead) : 0;
    double last = end;
    for (const auto &mark : m_facts.marks)
        if (mark.key == QLatin1String("steady"))
            last = std::min(end, mark.t + 15);
    m_window.span = std::clamp(std::max(last, m_window.from + 30) - m_window.from,
                               TimeWindow::kShortest, 300.0);
    // A FAIL opens where its first rule broke, anything else at inject.
    const auto verdict = snapshot.state->verdict();
    const bool failed = verdict.word == engine::Word::Fail && verdict.reasonAt;
    goTo(failed ? toSeconds(*verdict.reasonAt) : (m_facts.zeroIsInject ? m_facts.zero : 0));
}

void PlaybackPage::showSeal(const engine::TimelineSnapshot &snapshot)
{
    QString seal = snapshot.closed ? tr("recording closed")
                                   : tr("recording was not closed; shown as far as it reaches");
    seal += QStringLiteral("; ") + verifiedText();
    bool sound = snapshot.closed;
    if (!snapshot.problem.empty()) {
        seal = tr("%1 (%2)").arg(qs(snapshot.problem), verifiedText());
        sound = false;
    }
    if (snapshot.state->run.synthetic)
        seal += tr("; synthetic shop");
    m_verdict->setSeal(seal, sound);
}

void PlaybackPage::showProblem(const QString &problem)
{
    m_content->hide();
    m_empty->setText(tr("%1 cannot be played.\n\n%2\n\nPick another file on Home, or see "
                        "\"drillctl recording verify\" for what is left of it.")
                         .arg(qs(m_timeline->path()), problem));
    m_empty->show();
}

void PlaybackPage::readFacts(const engine::TimelineSnapshot &snapshot)
{
    if (m_factsEnd == snapshot.end && same(m_factsMarks, snapshot.marks))
        return;
    m_factsEnd = snapshot.end;
    m_factsMarks = snapshot.marks;
    // What happened is drawn for the whole recording; what things stood at, at the playhead.
    engine::TimelineSnapshot all = snapshot;
    if (m_whole) {
        all.state = m_whole;
        all.marks = m_wholeMarks;
    }
    m_facts = m_reader.read(all, true);
    m_facts.loopFrom = m_playhead.loopFrom();
    m_facts.loopTo = m_playhead.loopTo();
    m_playhead.setEnd(toSeconds(snapshot.end));
}

/// False until the reader stands at the end: the state there carries the final verdict.
bool PlaybackPage::place(const std::shared_ptr<const engine::TimelineSnapshot> &snapshot)
{
    if (snapshot->end == 0 || snapshot->playhead < snapshot->end || snapshot->state->seq == 0) {
        if (!snapshot->problem.empty() && snapshot->end == 0)
            showProblem(qs(snapshot->problem));
        return false;
    }
    m_whole = snapshot->state;
    m_wholeMarks = m_whole->verdict().marks; // a long file is still being read from its start
    readFacts(*snapshot);
    m_title = m_facts.title;
    const auto verdict = snapshot->state->verdict();
    m_reasonAt = verdict.reasonAt;
    m_verdict->show(verdict);
    m_verdict->setCanRerun(!m_title.isEmpty());
    placeWindow(*snapshot);
    return true;
}

void PlaybackPage::refresh()
{
    if (!m_timeline)
        return;
    const auto now = m_clock.elapsed();
    advance();
    m_seeker.pulse(now);
    if (m_placed)
        askForWindow();
    const auto snapshot = m_timeline->snapshot();
    if (m_placed && m_index.read(snapshot->events, snapshot->end))
        m_stale = true; // more of the list is left
    if (snapshot != m_shown || m_stale) {
        m_stale = false;
        if (!m_placed && !place(snapshot))
            return;
        readFacts(*snapshot);
        askForWindow();
        m_shown = snapshot;
        showRun(*snapshot);
        Q_EMIT shown();
    }
    keepMoving();
}

void PlaybackPage::askForWindow()
{
    m_seeker.show(toMicros(m_window.from), toMicros(m_window.to()),
                  binsFor(m_window.span, kCoarseBins), fineBinsFor(m_window.span),
                  seriesFor(*m_whole), m_clock.elapsed());
}

void PlaybackPage::showRun(const engine::TimelineSnapshot &snapshot)
{
    const double at = toSeconds(snapshot.playhead);
    m_tracks->show(snapshot, m_facts, ui::sinceText(at - m_facts.zero), tr("at the playhead"));
    auto all = std::make_shared<engine::TimelineSnapshot>(snapshot);
    all->state = m_whole;
    all->marks = m_wholeMarks;
    m_panel->show(all, m_facts, m_index.density());
    auto &transport = m_panel->transport();
    transport.setClock(clockText(at - m_facts.zero), wallClockText(*snapshot.state, at));
    transport.setChips(measureChips(snapshot.state->verdict(), snapshot.marks, at,
                                    snapshot.state->ended.has_value()));
    showSeal(snapshot);
}

void PlaybackPage::hideEvent(QHideEvent *event)
{
    setPlaying(false);
    Page::hideEvent(event);
}

void PlaybackPage::toggleTable()
{
    m_tracks->toggleTable();
}

} // namespace ui
