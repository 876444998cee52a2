#include "ui/pages/playhead.h"

#include <algorithm>
#include <cmath>

namespace ui {

namespace {

constexpr double kAtTheEnd = 0.05;
constexpr double kShortestLoop = 0.1; ///< one row of the recording

} // namespace

void Playhead::moveTo(double t)
{
    m_at = std::clamp(t, 0.0, std::max(m_end, 0.0));
}

void Playhead::play()
{
    if (hasLoop() && (m_at < *m_from || m_at >= *m_to))
        m_at = *m_from;
    else if (m_at >= m_end - kAtTheEnd)
        m_at = 0;
    m_playing = true;
}

void Playhead::advance(double elapsed, double speed)
{
    if (!m_playing)
        return;
    const double next = m_at + elapsed * speed;
    // Who leaves the loop by hand is let go; who plays over its end comes back.
    if (hasLoop() && m_at < *m_to && next >= *m_to) {
        moveTo(*m_from + std::fmod(next - *m_from, *m_to - *m_from));
        return;
    }
    moveTo(next);
    if (next >= m_end)
        m_playing = false;
}

void Playhead::setLoopFrom(double t)
{
    m_from = t;
    if (m_to && *m_to < t + kShortestLoop)
        m_to.reset();
}

void Playhead::setLoopTo(double t)
{
    m_to = t;
    if (m_from && *m_from > t - kShortestLoop)
        m_from.reset();
}

} // namespace ui
