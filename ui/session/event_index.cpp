#include "ui/session/event_index.h"

#include <algorithm>

namespace ui {

namespace {

constexpr std::int64_t kAway = 500; ///< us: an event at the playhead is not the next one

} // namespace

bool EventIndex::read(std::shared_ptr<const std::vector<engine::Event>> events, std::int64_t end)
{
    if (!events || events == m_events)
        return m_events && !m_isPart && m_read < m_events->size() && readOn();
    const bool isOther =
        m_events && !m_events->empty()
        && (events->size() < m_events->size() || events->front().seq != m_events->front().seq);
    m_events = std::move(events);
    m_isPart = m_isPart || isOther || (!m_events->empty() && m_events->front().seq > 1);
    if (m_isPart)
        return false;
    // A living file grows all the time; its columns are laid anew when it is a tenth longer.
    if (end > m_end + m_end / 10) {
        m_end = end;
        m_read = 0;
        m_faults.clear();
        m_density.assign(kColumns, 0);
    }
    return readOn();
}

bool EventIndex::readOn()
{
    const auto until = std::min(m_events->size(), m_read + kPortion);
    for (; m_read < until; ++m_read) {
        const auto &event = (*m_events)[m_read];
        if (std::holds_alternative<engine::FaultChanged>(event.payload))
            m_faults.push_back(event.t);
        if (event.t >= 0 && m_end > 0)
            m_density[std::min(kColumns - 1, static_cast<std::size_t>(
                                                 event.t * std::int64_t(kColumns) / m_end))]++;
    }
    return m_read < m_events->size();
}

std::optional<std::int64_t> EventIndex::event(std::int64_t t, int direction) const
{
    if (!m_events || m_events->empty())
        return std::nullopt;
    if (direction > 0) {
        const auto next = std::upper_bound(
            m_events->begin(), m_events->end(), t + kAway,
            [](std::int64_t at, const engine::Event &event) { return at < event.t; });
        return next == m_events->end() ? std::nullopt : std::optional(next->t);
    }
    const auto next =
        std::lower_bound(m_events->begin(), m_events->end(), t - kAway,
                         [](const engine::Event &event, std::int64_t at) { return event.t < at; });
    return next == m_events->begin() ? std::nullopt : std::optional(std::prev(next)->t);
}

std::optional<std::int64_t> EventIndex::fault(std::int64_t t, int direction) const
{
    if (direction > 0) {
        const auto next = std::upper_bound(m_faults.begin(), m_faults.end(), t + kAway);
        return next == m_faults.end() ? std::nullopt : std::optional(*next);
    }
    const auto next = std::lower_bound(m_faults.begin(), m_faults.end(), t - kAway);
    return next == m_faults.begin() ? std::nullopt : std::optional(*std::prev(next));
}

} // namespace ui
