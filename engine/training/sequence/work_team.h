#pragma once
// Threads that stay and work in rounds: each round every member runs the same function with its own
// number, and the round ends when all have. LibTorch runs on one thread in each of them: its own
// team would spin between small products.

#include <barrier>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace engine {

class WorkTeam
{
public:
    /// Called by every helper once, at its start.
    WorkTeam(int members, std::function<void()> prepare)
        : m_start(members), m_end(members), m_prepare(std::move(prepare))
    {
        for (int member = 1; member < members; ++member)
            m_helpers.emplace_back([this, member] { serve(member); });
    }
    ~WorkTeam()
    {
        m_work = nullptr;
        m_start.arrive_and_wait();
    }
    WorkTeam(const WorkTeam &) = delete;
    WorkTeam &operator=(const WorkTeam &) = delete;

    [[nodiscard]] int members() const { return static_cast<int>(m_helpers.size()) + 1; }

    /// Runs work(0 .. members - 1), 0 on the calling thread; throws what one of them threw.
    void run(const std::function<void(int)> &work)
    {
        m_work = &work;
        m_failure = nullptr;
        m_start.arrive_and_wait();
        attempt(0);
        m_end.arrive_and_wait();
        if (m_failure)
            std::rethrow_exception(m_failure);
    }

private:
    void serve(int member)
    {
        m_prepare();
        for (;;) {
            m_start.arrive_and_wait();
            if (!m_work)
                return;
            attempt(member);
            m_end.arrive_and_wait();
        }
    }
    void attempt(int member)
    {
        try {
            (*m_work)(member);
        } catch (...) {
            const std::lock_guard lock(m_mutex);
            m_failure = std::current_exception();
        }
    }

    std::barrier<> m_start, m_end;
    std::function<void()> m_prepare;
    const std::function<void(int)> *m_work = nullptr; ///< ordered by the barriers
    std::mutex m_mutex;                               ///< protects m_failure during a round
    std::exception_ptr m_failure;
    std::vector<std::jthread> m_helpers;
};

} // namespace engine
