#include "app/ctl/interrupt.h"

#include <csignal>
#include <sys/eventfd.h>
#include <unistd.h>

namespace ctl {
namespace {

int g_event = -1; // set before the handlers are installed, never changed while they are

extern "C" void onSignal(int)
{
    const std::uint64_t one = 1;
    // A full counter means that a signal is waiting already.
    [[maybe_unused]] const auto written = ::write(g_event, &one, sizeof one);
}

constexpr std::uint64_t kQuit = 1ull << 32;

} // namespace

Interrupt::Interrupt()
{
    g_event = ::eventfd(0, EFD_CLOEXEC);
    struct sigaction action
    {
    };
    action.sa_handler = onSignal;
    action.sa_flags = SA_RESTART;
    ::sigaction(SIGINT, &action, nullptr);
    ::sigaction(SIGTERM, &action, nullptr);
    m_thread = std::jthread([this] {
        std::uint64_t seen = 0, count = 0;
        while (::read(g_event, &count, sizeof count) == sizeof count && count < kQuit) {
            seen += count;
            m_source.request_stop();
            if (seen > 1)
                ::_exit(6);
        }
    });
}

Interrupt::~Interrupt()
{
    [[maybe_unused]] const auto written = ::write(g_event, &kQuit, sizeof kQuit);
    m_thread.join();
    std::signal(SIGINT, SIG_DFL);
    std::signal(SIGTERM, SIG_DFL);
    ::close(g_event);
}

} // namespace ctl
