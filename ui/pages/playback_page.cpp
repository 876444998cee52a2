#include "ui/pages/playback_page.h"

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
constexpr double kLead = 10; ///< seconds shown before inject when a recording opens

} // namespace

PlaybackPage::PlaybackPage(QWidget *parent) : Page(parent)
{
    auto *outer = new QVBoxLayout(this);
    outer->setContentsMargins(0, 0, 0, 0);
    m_empty = makeLabel(tr("No recording is open.\nOpen one from Recent runs on Home, drop a "
                           "file here, or press Ctrl+O."),
                        "muted", "playbackEmptyLabel", this);
    static_cast<QLabel *>(m_empty)->setAlignment(Qt::AlignCenter);
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

    connect(m_tracks, &TrackStack::seekAsked, this, &PlaybackPage::seekTo);
    connect(m_panel, &TimelinePanel::seekAsked, this, [this](double t) {
        seekTo(t);
        m_window.reveal(m_playhead);
    });
    connect(m_panel, &TimelinePanel::windowAsked, this,
            [this](double from) { m_window.from = from; });
    connect(m_tracks, &TrackStack::zoomAsked, this,
            [this](double factor, double around) { m_window.zoom(factor, around, m_end + 10); });
    connect(&m_panel->transport(), &TransportBar::playToggled, this,
            [this] { setPlaying(!m_playing); });
    connect(&m_panel->transport(), &TransportBar::stepAsked, this,
            [this](int direction) { stepEvent(direction, false); });
    connect(m_verdict, &VerdictCard::reportAsked, this, [this] {
        if (m_timeline)
            Q_EMIT reportAsked(qs(m_timeline->path()));
    });
    connect(m_verdict, &VerdictCard::rerunAsked, this, [this] { Q_EMIT rerunAsked(m_title); });
    connect(m_verdict, &VerdictCard::reasonAsked, this, [this] {
        if (m_reasonAt) {
            seekTo(toSeconds(*m_reasonAt));
            m_window.reveal(m_playhead);
        }
    });
}

void PlaybackPage::open(std::unique_ptr<engine::Timeline> timeline)
{
    m_timeline = std::move(timeline);
    m_shown.reset();
    m_reader = {};
    m_window = {};
    m_title.clear();
    m_playhead = m_end = m_zero = 0;
    m_placed = false;
    m_whole.reset();
    m_reasonAt.reset();
    setPlaying(false);
    m_empty->hide();
    m_content->show();
    m_timeline
        ->pinToEnd(); // the verdict is read from the state at the end, then the playhead moves
    m_tracks->setFocus();
}

QString PlaybackPage::sinceText() const
{
    return clockText(m_playhead - m_zero);
}

void PlaybackPage::placeWindow(const engine::TimelineSnapshot &snapshot, const RunFacts &facts)
{
    m_placed = true;
    const double end = toSeconds(snapshot.end);
    m_window.from = facts.zeroIsInject ? std::max(0.0, facts.zero - kLead) : 0;
    double last = end;
    for (const auto &mark : facts.marks)
        if (mark.key == QLatin1String("steady"))
            last = std::min(end, mark.t + 15);
    m_window.span = std::clamp(std::max(last, m_window.from + 30) - m_window.from,
                               TimeWindow::kShortest, 300.0);
    // A FAIL opens where its first rule broke, anything else at inject.
    const auto verdict = snapshot.state->verdict();
    const bool failed = verdict.word == engine::Word::Fail && verdict.reasonAt;
    seekTo(failed ? toSeconds(*verdict.reasonAt) : (facts.zeroIsInject ? facts.zero : 0));
    m_window.reveal(m_playhead);
}

void PlaybackPage::showVerdict(const engine::TimelineSnapshot &snapshot)
{
    const auto verdict = snapshot.state->verdict();
    m_reasonAt = verdict.reasonAt;
    QString seal = snapshot.closed ? tr("recording closed; state hashes checked as it plays")
                                   : tr("recording was not closed; shown as far as it reaches");
    bool sound = snapshot.closed;
    if (!snapshot.problem.empty()) {
        seal = qs(snapshot.problem);
        sound = false;
    }
    if (snapshot.state->run.synthetic)
        seal += tr("; synthetic shop");
    m_verdict->show(verdict, seal, sound);
    m_verdict->setCanRerun(!m_title.isEmpty());
}

void PlaybackPage::refresh()
{
    if (!m_timeline)
        return;
    advance();
    if (m_placed)
        askForWindow();
    const auto snapshot = m_timeline->snapshot();
    if (snapshot == m_shown)
        return;
    // What happened is drawn for the whole recording; what things stood at, at the playhead.
    auto all = std::make_shared<engine::TimelineSnapshot>(*snapshot);
    if (m_whole)
        all->state = m_whole;
    const RunFacts facts = m_reader.read(*all, true);
    m_end = toSeconds(snapshot->end);
    m_zero = facts.zero;
    if (!m_placed) {
        // Wait until the reader stands at the end: the state there carries the final verdict.
        if (snapshot->end == 0 || snapshot->playhead < snapshot->end || snapshot->state->seq == 0) {
            if (!snapshot->problem.empty())
                showVerdict(*snapshot);
            return;
        }
        m_title = facts.title;
        m_whole = snapshot->state;
        showVerdict(*snapshot);
        placeWindow(*snapshot, facts);
    }
    askForWindow();
    m_shown = snapshot;
    showRun(snapshot, all, facts);
}

void PlaybackPage::askForWindow()
{
    m_timeline->show(toMicros(m_window.from), toMicros(m_window.to()), binsFor(m_window.span),
                     seriesFor(*m_whole));
}

void PlaybackPage::showRun(const std::shared_ptr<const engine::TimelineSnapshot> &snapshot,
                           const std::shared_ptr<const engine::TimelineSnapshot> &all,
                           const RunFacts &facts)
{
    const double at = toSeconds(snapshot->playhead);
    m_tracks->show(*snapshot, facts, ui::sinceText(at - facts.zero), tr("at the playhead"));
    m_panel->show(all, facts);
    auto &transport = m_panel->transport();
    transport.setClock(clockText(at - facts.zero), wallClockText(*snapshot->state, at));
    transport.setChips(measureChips(snapshot->state->verdict(), snapshot->marks, at,
                                    snapshot->state->ended.has_value()));
}

void PlaybackPage::advance()
{
    if (!m_playing)
        return;
    const double elapsed = static_cast<double>(m_sinceTick.restart()) / 1000.0;
    const double next = m_playhead + elapsed * m_panel->transport().speed();
    seekTo(next);
    if (next >= m_end)
        setPlaying(false);
    if (m_playhead > m_window.to() - 0.1 * m_window.span)
        m_window.follow(m_playhead, 0.9);
}

void PlaybackPage::seekTo(double t)
{
    if (!m_timeline)
        return;
    m_playhead = std::clamp(t, 0.0, std::max(m_end, 0.0));
    m_timeline->seek(toMicros(m_playhead));
}

void PlaybackPage::setPlaying(bool playing)
{
    if (playing && m_playhead >= m_end - 0.05)
        seekTo(0);
    m_playing = playing && m_timeline;
    m_sinceTick.restart();
    m_panel->transport().setPlaying(m_playing);
}

void PlaybackPage::stepEvent(int direction, bool faultsOnly)
{
    if (!m_timeline)
        return;
    setPlaying(false);
    const auto events = m_timeline->snapshot()->events;
    if (!events)
        return;
    const auto here = toMicros(m_playhead);
    std::optional<std::int64_t> found;
    for (const auto &event : *events) {
        if (faultsOnly && !std::holds_alternative<engine::FaultChanged>(event.payload))
            continue;
        if (direction > 0 && event.t > here + 500) {
            found = event.t;
            break;
        }
        if (direction < 0 && event.t < here - 500)
            found = event.t;
    }
    if (!found)
        return;
    seekTo(toSeconds(*found));
    m_window.reveal(m_playhead);
}

bool PlaybackPage::handleKey(int key, Qt::KeyboardModifiers modifiers)
{
    if (!m_timeline)
        return false;
    const bool shift = modifiers & Qt::ShiftModifier;
    switch (key) {
    case Qt::Key_Space:
    case Qt::Key_K:
        setPlaying(!m_playing);
        return true;
    case Qt::Key_J:
        m_panel->transport().changeSpeed(-1);
        return true;
    case Qt::Key_L:
        m_panel->transport().changeSpeed(1);
        return true;
    case Qt::Key_Comma:
    case Qt::Key_Less:
        stepEvent(-1, shift);
        return true;
    case Qt::Key_Period:
    case Qt::Key_Greater:
        stepEvent(1, shift);
        return true;
    case Qt::Key_Home:
        seekTo(m_zero);
        m_window.reveal(m_playhead);
        return true;
    case Qt::Key_End:
        seekTo(m_end);
        m_window.reveal(m_playhead);
        return true;
    case Qt::Key_A:
        m_window.pan(-0.2);
        return true;
    case Qt::Key_D:
        m_window.pan(0.2);
        return true;
    case Qt::Key_W:
        m_window.zoom(0.8, m_playhead, m_end + 10);
        return true;
    case Qt::Key_S:
        m_window.zoom(1.25, m_playhead, m_end + 10);
        return true;
    case Qt::Key_F:
        m_window.follow(m_playhead, 0.5);
        return true;
    default:
        return false;
    }
}

void PlaybackPage::toggleTable()
{
    m_tracks->toggleTable();
}

} // namespace ui
