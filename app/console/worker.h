#pragma once
// One thread that runs tasks in order; what is left when it ends is dropped.

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace console {

class Worker
{
public:
    Worker();
    ~Worker();
    /// From any thread.
    void post(std::function<void()> task);

private:
    void run(std::stop_token stop);
    std::mutex m_mutex;
    std::condition_variable_any m_wake;
    std::deque<std::function<void()>> m_tasks; ///< under m_mutex
    std::jthread m_thread;                     ///< last: ends before what it uses
};

} // namespace console
