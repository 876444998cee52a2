#include "engine/agent/news.h"

#include <algorithm>

namespace engine {
namespace {

constexpr std::size_t kMostQueued = 20'000; // some 20 s of a busy shop

} // namespace

std::shared_ptr<const NewsItem> NewsQueue::pop()
{
    std::unique_lock lock(m_mutex);
    m_wake.wait_for(lock, std::chrono::seconds(1), [&] { return m_over || !m_items.empty(); });
    if (m_over || m_items.empty())
        return nullptr;
    auto item = std::move(m_items.front());
    m_items.pop_front();
    return item;
}

bool NewsQueue::isOver() const
{
    const std::lock_guard lock(m_mutex);
    return m_over;
}

std::uint64_t NewsQueue::lost() const
{
    const std::lock_guard lock(m_mutex);
    return m_lost;
}

std::shared_ptr<NewsQueue> NewsHub::watch()
{
    auto queue = std::make_shared<NewsQueue>();
    const std::lock_guard lock(m_mutex);
    queue->m_over = m_ended;
    m_queues.push_back(queue);
    return queue;
}

void NewsHub::leave(const std::shared_ptr<NewsQueue> &queue)
{
    const std::lock_guard lock(m_mutex);
    std::erase(m_queues, queue);
}

void NewsHub::end()
{
    const std::lock_guard lock(m_mutex);
    m_ended = true;
    for (const auto &queue : m_queues) {
        const std::lock_guard inner(queue->m_mutex);
        queue->m_over = true;
        queue->m_wake.notify_all();
    }
}

void NewsHub::spread(std::shared_ptr<const NewsItem> item)
{
    const std::lock_guard lock(m_mutex);
    for (const auto &queue : m_queues) {
        const std::lock_guard inner(queue->m_mutex);
        if (queue->m_over)
            continue;
        if (queue->m_items.size() >= kMostQueued) {
            queue->m_over = true;
            queue->m_lost = queue->m_items.size() + 1;
            queue->m_items.clear();
        } else {
            queue->m_items.push_back(item);
        }
        queue->m_wake.notify_one();
    }
}

} // namespace engine
