#include "ui/session/seeker.h"

namespace ui {

void Seeker::attach(engine::Timeline *timeline)
{
    *this = {};
    m_timeline = timeline;
}

bool Seeker::hasArrived() const
{
    return !m_sent || m_timeline->snapshot()->playhead == *m_sent;
}

void Seeker::send(std::int64_t t, std::int64_t now)
{
    m_sent = t;
    m_sentAt = now;
    m_wished.reset();
    m_timeline->seek(t);
}

void Seeker::wish(std::int64_t t, std::int64_t now)
{
    m_movedAt = now;
    m_wished = t;
    pulse(now);
}

void Seeker::pulse(std::int64_t now)
{
    if (!m_timeline)
        return;
    const bool arrived = hasArrived();
    if (m_wished && (arrived || now - m_sentAt >= kPatience))
        send(*m_wished, now);
    else if (arrived || now - m_sentAt >= kGivenUp)
        m_sent.reset();
}

void Seeker::show(std::int64_t from, std::int64_t to, int coarse, int fine,
                  const std::vector<std::string> &series, std::int64_t now)
{
    if (!m_timeline)
        return;
    // A window that stays where it is keeps its fine bins while the playhead moves through it.
    const bool stays = from == m_shown.from && to == m_shown.to && m_shown.bins == fine;
    Shown next{from, to, stays || now - m_movedAt >= kRest ? fine : coarse, series};
    if (next == m_shown)
        return;
    m_shown = std::move(next);
    m_timeline->show(m_shown.from, m_shown.to, m_shown.bins, m_shown.series);
}

bool Seeker::isBusy(std::int64_t now) const
{
    return m_timeline && (m_sent || m_wished || now - m_movedAt < 2 * kRest);
}

} // namespace ui
