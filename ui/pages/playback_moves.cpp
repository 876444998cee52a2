// How the playhead of Playback moves: play, seek, step, loop.

#include "ui/pages/playback_page.h"
#include "ui/widgets/timeline_panel.h"

#include <QThread>

namespace ui {

namespace {

constexpr int kScrubMillis = 30;
constexpr int kPlayMillisOnFewCores = 60;

} // namespace

/// The page's own timer runs only while something moves; else the window's slow one is enough.
void PlaybackPage::keepMoving()
{
    const bool moves =
        m_placed && isVisible() && (isPlaying() || m_stale || m_seeker.isBusy(m_clock.elapsed()));
    if (!moves) {
        m_fast.stop();
        return;
    }
    const bool isSlow = isPlaying() && QThread::idealThreadCount() <= 2;
    const int millis = isSlow ? kPlayMillisOnFewCores : kScrubMillis;
    if (!m_fast.isActive() || m_fast.interval() != millis)
        m_fast.start(millis);
}

void PlaybackPage::advance()
{
    const auto now = m_clock.elapsed();
    const double elapsed = static_cast<double>(now - std::exchange(m_lastTick, now)) / 1000.0;
    if (!isPlaying())
        return;
    m_playhead.advance(elapsed, m_panel->transport().speed());
    m_seeker.wish(toMicros(m_playhead.at()), now);
    if (!isPlaying())
        setPlaying(false);
    if (m_playhead.at() > m_window.to() - 0.1 * m_window.span)
        m_window.follow(m_playhead.at(), 0.9);
    else if (m_playhead.at() < m_window.from)
        m_window.follow(m_playhead.at(), 0.1);
}

void PlaybackPage::seekTo(double t)
{
    if (!m_timeline)
        return;
    m_playhead.moveTo(t);
    m_seeker.wish(toMicros(m_playhead.at()), m_clock.elapsed());
    keepMoving();
}

void PlaybackPage::goTo(double t)
{
    seekTo(t);
    m_window.reveal(m_playhead.at());
}

void PlaybackPage::setPlaying(bool playing)
{
    m_lastTick = m_clock.elapsed();
    if (playing && m_timeline) {
        m_playhead.play();
        goTo(m_playhead.at());
    } else {
        m_playhead.pause();
    }
    m_panel->transport().setPlaying(isPlaying());
    keepMoving();
}

void PlaybackPage::stepEvent(int direction)
{
    setPlaying(false);
    if (const auto found = m_index.event(toMicros(m_playhead.at()), direction))
        goTo(toSeconds(*found));
}

void PlaybackPage::stepFault(int direction)
{
    setPlaying(false);
    const auto here = toMicros(m_playhead.at());
    auto found = m_index.fault(here, direction);
    // Of a long recording only a part of the events is at hand; the state at its end knows all
    // faults.
    const auto consider = [&](const std::optional<std::int64_t> &t) {
        if (!t || (*t - here) * direction <= 500)
            return;
        if (!found || (*t - *found) * direction < 0)
            found = t;
    };
    if (m_whole)
        for (const auto &[id, fault] : m_whole->faults) {
            consider(fault.applied);
            consider(fault.confirmed);
            consider(fault.undone);
        }
    if (found)
        goTo(toSeconds(*found));
}

void PlaybackPage::changeSpeed(int steps)
{
    m_panel->transport().changeSpeed(steps);
}

void PlaybackPage::setLoop(bool isEnd)
{
    if (isEnd)
        m_playhead.setLoopTo(m_playhead.at());
    else
        m_playhead.setLoopFrom(m_playhead.at());
    showLoop();
}

void PlaybackPage::toggleLoop()
{
    if (m_playhead.hasLoop())
        clearLoop();
    else
        setLoop(m_playhead.loopFrom().has_value());
}

void PlaybackPage::clearLoop()
{
    m_playhead.clearLoop();
    showLoop();
}

void PlaybackPage::showLoop()
{
    const auto from = m_playhead.loopFrom();
    const auto to = m_playhead.loopTo();
    const auto since = [this](double t) { return ui::sinceText(t - m_facts.zero); };
    using Loop = TransportBar::Loop;
    auto &transport = m_panel->transport();
    if (m_playhead.hasLoop())
        transport.setLoop(Loop::On, tr("%1 to %2").arg(since(*from), since(*to)));
    else if (from)
        transport.setLoop(Loop::Open, since(*from));
    else
        transport.setLoop(Loop::Off, {});
    m_facts.loopFrom = from;
    m_facts.loopTo = to;
    m_stale = true; // drawn with the next refresh
}

void PlaybackPage::goToReason()
{
    if (m_reasonAt)
        goTo(toSeconds(*m_reasonAt));
}

} // namespace ui
