#include "app/console/worker.h"

namespace console {

Worker::Worker() : m_thread([this](std::stop_token stop) { run(stop); }) {}

Worker::~Worker()
{
    m_thread.request_stop();
    if (m_thread.joinable())
        m_thread.join();
}

void Worker::post(std::function<void()> task)
{
    {
        const std::lock_guard lock(m_mutex);
        m_tasks.push_back(std::move(task));
    }
    m_wake.notify_one();
}

void Worker::run(std::stop_token stop)
{
    while (true) {
        std::function<void()> task;
        {
            std::unique_lock lock(m_mutex);
            m_wake.wait(lock, stop, [this] { return !m_tasks.empty(); });
            if (stop.stop_requested())
                return;
            task = std::move(m_tasks.front());
            m_tasks.pop_front();
        }
        task();
    }
}

} // namespace console
