#include "engine/training/trees/work_crew.h"

namespace engine {

WorkCrew::WorkCrew(int threads)
{
    for (int i = 1; i < threads; ++i)
        m_helpers.emplace_back([this] { serve(); });
}

WorkCrew::~WorkCrew()
{
    {
        const std::lock_guard lock(m_mutex);
        m_ends = true;
    }
    m_wake.notify_all();
}

void WorkCrew::take(const std::function<void(std::size_t)> &work, std::size_t count)
{
    for (;;) {
        const auto piece = m_next.fetch_add(1);
        if (piece >= count)
            return;
        work(piece);
    }
}

void WorkCrew::run(std::size_t count, const std::function<void(std::size_t)> &work)
{
    if (m_helpers.empty() || count < 2) {
        for (std::size_t i = 0; i < count; ++i)
            work(i);
        return;
    }
    {
        const std::lock_guard lock(m_mutex);
        m_work = &work;
        m_count = count;
        m_next = 0;
        m_busy = static_cast<int>(m_helpers.size());
        ++m_round;
    }
    m_wake.notify_all();
    take(work, count);
    std::unique_lock lock(m_mutex);
    m_done.wait(lock, [this] { return m_busy == 0; });
}

void WorkCrew::serve()
{
    std::size_t seen = 0;
    for (;;) {
        const std::function<void(std::size_t)> *work = nullptr;
        std::size_t count = 0;
        {
            std::unique_lock lock(m_mutex);
            m_wake.wait(lock, [&] { return m_ends || m_round != seen; });
            if (m_ends)
                return;
            seen = m_round;
            work = m_work;
            count = m_count;
        }
        take(*work, count);
        {
            const std::lock_guard lock(m_mutex);
            --m_busy;
        }
        m_done.notify_one();
    }
}

} // namespace engine
