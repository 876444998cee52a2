#include "engine/drill/excursions.h"

namespace engine {

void Excursions::begin(std::int64_t impact, std::uint32_t outside, std::int64_t end)
{
    m_inExcursion = true;
    m_candidate.reset();
    if (m_open) {
        m_open->end = end;
        return;
    }
    m_open = Episode{impact, end, outside};
    ++m_episodes;
    m_steady.reset();
}

void Excursions::feed(const JudgedWindow &window, std::int64_t hold)
{
    if (!window.loaded)
        return;
    const std::int64_t end = window.start + kSecond;
    m_observedTo = end;
    if (window.outside != 0) {
        if (m_inExcursion)
            m_open->end = end;
        else if (m_candidate && *m_candidate + kSecond == window.start)
            begin(*m_candidate, m_candidateOutside | window.outside, end);
        else if (!window.masked) {
            m_candidate = window.start;
            m_candidateOutside = window.outside;
        }
    } else {
        m_inExcursion = false;
        m_candidate.reset();
    }
    if (m_open && !m_first)
        m_first = m_open;
    else if (m_open && m_first && m_first->impact == m_open->impact)
        m_first->end = m_open->end;
    // A window that is outside in the hold's last second may be the start of an excursion within
    // the hold: the next window tells.
    if (m_open && !m_inExcursion && !m_candidate && end - m_open->end >= hold) {
        if (!m_longest || m_open->length() > m_longest->length())
            m_longest = m_open;
        m_steady = m_open->end;
        m_open.reset();
    }
}

std::optional<Episode> Excursions::longest() const
{
    if (m_open && (!m_longest || m_open->length() > m_longest->length()))
        return m_open;
    return m_longest;
}

std::optional<std::int64_t> Excursions::steady() const
{
    return m_open ? std::nullopt : m_steady;
}

} // namespace engine
