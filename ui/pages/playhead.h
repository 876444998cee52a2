#pragma once
// Where a playback stands and how it goes on: play, pause, speed and the A-B loop. A plain value,
// no clock of its own; seconds since t = 0.

#include <optional>

namespace ui {

class Playhead
{
public:
    void setEnd(double end) { m_end = end; }
    [[nodiscard]] double end() const { return m_end; }
    [[nodiscard]] double at() const { return m_at; }
    [[nodiscard]] bool isPlaying() const { return m_playing; }

    void moveTo(double t);
    /// From the very end it starts anew; inside a loop at A.
    void play();
    void pause() { m_playing = false; }
    /// `elapsed` seconds of the viewer's time at `speed`; stops at the end, returns to A at B.
    void advance(double elapsed, double speed);

    /// Each end may be set at any place; an end on the wrong side of the other drops the other.
    void setLoopFrom(double t);
    void setLoopTo(double t);
    void clearLoop() { m_from.reset(), m_to.reset(); }
    [[nodiscard]] bool hasLoop() const { return m_from && m_to; }
    [[nodiscard]] std::optional<double> loopFrom() const { return m_from; }
    [[nodiscard]] std::optional<double> loopTo() const { return m_to; }

private:
    double m_at = 0, m_end = 0;
    bool m_playing = false;
    std::optional<double> m_from, m_to;
};

} // namespace ui
