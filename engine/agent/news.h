#pragma once
// Telemetry on its way to the watchers: what happens in the agent goes in once, each watcher reads
// its own bounded queue. A watcher that does not keep up is dropped, never waited for.

#include "engine/event/event.h"
#include "engine/metrics/window.h"

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <variant>
#include <vector>

namespace engine {

using NewsItem = std::variant<Payload, Window>;

/// One watcher's queue. pop() is for one thread; the rest is the hub's.
class NewsQueue
{
public:
    /// Waits up to a second; nothing when there was none or the watcher was dropped.
    [[nodiscard]] std::shared_ptr<const NewsItem> pop();
    /// Dropped for being slow, or the hub ended. What is queued is lost.
    [[nodiscard]] bool isOver() const;
    [[nodiscard]] std::uint64_t lost() const;

private:
    friend class NewsHub;
    mutable std::mutex m_mutex; // guards all below; held for moments only
    std::condition_variable m_wake;
    std::deque<std::shared_ptr<const NewsItem>> m_items;
    bool m_over = false;
    std::uint64_t m_lost = 0;
};

/// Thread-safe; publishing never blocks.
class NewsHub
{
public:
    void publish(Payload payload) { spread(std::make_shared<NewsItem>(std::move(payload))); }
    void publish(Window window) { spread(std::make_shared<NewsItem>(std::move(window))); }
    [[nodiscard]] std::shared_ptr<NewsQueue> watch();
    void leave(const std::shared_ptr<NewsQueue> &queue);
    /// Ends every watcher; later ones are over at once.
    void end();

private:
    void spread(std::shared_ptr<const NewsItem> item);
    std::mutex m_mutex; // guards m_queues and m_ended
    std::vector<std::shared_ptr<NewsQueue>> m_queues;
    bool m_ended = false;
};

} // namespace engine
