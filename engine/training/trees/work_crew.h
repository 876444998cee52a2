#pragma once
// A few threads that stand ready for many short pieces of work, so that growing a tree does not
// start threads for every node. Which thread does which piece changes no result. One owner.

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace engine {

class WorkCrew
{
public:
    explicit WorkCrew(int threads);
    ~WorkCrew();
    WorkCrew(const WorkCrew &) = delete;
    WorkCrew &operator=(const WorkCrew &) = delete;

    /// Calls work(0) .. work(count - 1), the calling thread among the workers; returns when all are
    /// done. `work` must not throw.
    void run(std::size_t count, const std::function<void(std::size_t)> &work);

private:
    void serve();
    void take(const std::function<void(std::size_t)> &work, std::size_t count);

    std::mutex m_mutex; // protects m_work, m_count, m_round, m_busy, m_ends
    std::condition_variable m_wake, m_done;
    const std::function<void(std::size_t)> *m_work = nullptr;
    std::size_t m_count = 0, m_round = 0;
    int m_busy = 0;
    bool m_ends = false;
    std::atomic<std::size_t> m_next{0};
    std::vector<std::jthread> m_helpers;
};

} // namespace engine
