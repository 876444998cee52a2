#include "app/train/job_control.h"

#include <cerrno>
#include <csignal>
#include <poll.h>
#include <string>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

namespace app {

JobControl::JobControl(const engine::Clock &clock) : m_clock(clock)
{
    sigset_t set;
    ::sigemptyset(&set);
    ::sigaddset(&set, SIGTERM);
    // Blocked here, and so in every thread that starts later; read from the descriptor instead.
    ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
    m_signals = ::signalfd(-1, &set, SFD_CLOEXEC);
    m_end = ::eventfd(0, EFD_CLOEXEC);
    m_thread = std::jthread([this] { listen(); });
}

JobControl::~JobControl()
{
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(m_end, &one, sizeof one);
    m_thread.join();
    ::close(m_signals);
    ::close(m_end);
}

void JobControl::listen()
{
    std::string line;
    pollfd watched[3] = {{m_end, POLLIN, 0}, {m_signals, POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
    for (;;) {
        if (::poll(watched, 3, -1) < 0 && errno != EINTR)
            return;
        if (watched[0].revents != 0)
            return;
        if ((watched[1].revents & POLLIN) != 0) {
            signalfd_siginfo info{};
            if (::read(m_signals, &info, sizeof info) == sizeof info)
                word("stop");
        }
        if (watched[2].revents == 0)
            continue;
        char buffer[256];
        const auto got = ::read(STDIN_FILENO, buffer, sizeof buffer);
        if (got <= 0) {
            watched[2].fd = -1; // nobody will say anything any more
            continue;
        }
        line.append(buffer, static_cast<std::size_t>(got));
        for (auto end = line.find('\n'); end != std::string::npos; end = line.find('\n')) {
            word(line.substr(0, end));
            line.erase(0, end + 1);
        }
    }
}

void JobControl::word(std::string_view text)
{
    if (text == "stop")
        m_stop.request_stop(); // runs callbacks: not with the mutex held
    const std::scoped_lock lock(m_mutex);
    if (text == "pause" && !m_isPaused) {
        m_isPaused = true;
        m_since = m_clock.now();
    } else if ((text == "resume" || text == "stop") && m_isPaused) {
        m_isPaused = false;
        m_paused += m_clock.now() - m_since;
    }
    m_changed.notify_all();
}

void JobControl::waitWhilePaused()
{
    std::unique_lock lock(m_mutex);
    m_changed.wait(lock, [this] { return !m_isPaused; });
}

bool JobControl::isPaused() const
{
    const std::scoped_lock lock(m_mutex);
    return m_isPaused;
}

engine::Micros JobControl::paused() const
{
    const std::scoped_lock lock(m_mutex);
    return m_paused + (m_isPaused ? m_clock.now() - m_since : engine::Micros{0});
}

} // namespace app
