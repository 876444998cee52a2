#pragma once
// Ctrl+C as a stop token: the first one aborts the run in good order, the second ends the program
// (the agent then undoes everything by itself, because the lease breaks).

#include <stop_token>
#include <thread>

namespace ctl {

/// One per process, in main's thread, before other threads start.
class Interrupt
{
public:
    Interrupt();
    ~Interrupt();
    Interrupt(const Interrupt &) = delete;
    Interrupt &operator=(const Interrupt &) = delete;
    [[nodiscard]] std::stop_token token() const { return m_source.get_token(); }

private:
    std::stop_source m_source;
    std::jthread m_thread;
};

} // namespace ctl
