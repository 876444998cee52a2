#include "engine/agent/launcher.h"

#include "engine/agent/launcher_loop.h"

#include <csignal>
#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

namespace engine {

using nlohmann::json;

Result<Launcher> Launcher::fork()
{
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return failErrno("Cannot make the launcher's socket");
    Fd ours(ends[0]), its(ends[1]);
    const auto pid = ::fork();
    if (pid < 0)
        return failErrno("Cannot fork the launcher");
    if (pid == 0)
        launcherLoop(its.release());
    Launcher launcher;
    launcher.m_socket = std::move(ours);
    launcher.m_pid = pid;
    launcher.m_wake = Fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)); // ours alone
    if (!launcher.m_wake.isOpen())
        return failErrno("Cannot make the launcher's wake-up");
    return launcher;
}

Result<> Launcher::start(const std::string &target, const std::vector<std::string> &argv,
                         const std::string &log)
{
    return send(json{{"start", target}, {"argv", argv}, {"log", log}}.dump());
}

void Launcher::killAll()
{
    [[maybe_unused]] const auto sent = send(R"({"kill":true})");
}

bool Launcher::end(const Clock &clock, Micros limit)
{
    ::shutdown(m_socket.get(), SHUT_RDWR);
    const auto until = clock.now() + limit;
    while (::waitpid(m_pid, nullptr, WNOHANG) == 0)
        if (clock.now() >= until || !clock.waitUntil(clock.now() + Micros{1'000}, {}))
            return false;
    return true;
}

Result<> Launcher::send(const std::string &message)
{
    if (::send(m_socket.get(), message.data(), message.size(), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        return failErrno("Cannot reach the launcher");
    return {};
}

void Launcher::wake()
{
    const std::uint64_t once = 1;
    [[maybe_unused]] const auto put = ::write(m_wake.get(), &once, sizeof once);
}

std::optional<LauncherReport> Launcher::read(int limitMillis)
{
    pollfd entries[2] = {{m_socket.get(), POLLIN, 0}, {m_wake.get(), POLLIN, 0}};
    if (::poll(entries, 2, limitMillis) < 1)
        return {};
    if (entries[1].revents) {
        std::uint64_t times = 0;
        [[maybe_unused]] const auto got = ::read(m_wake.get(), &times, sizeof times);
    }
    if (!entries[0].revents)
        return {};
    std::string text(64 * 1024, '\0');
    const auto n = ::recv(m_socket.get(), text.data(), text.size(), 0);
    if (n <= 0) {
        *m_gone = true;
        return {};
    }
    text.resize(static_cast<std::size_t>(n));
    const auto report = json::parse(text, nullptr, false);
    const auto target = report.value("target", std::string{});
    const auto pid = report.value("pid", pid_t{0});
    if (report.contains("start_time"))
        return ProcessStarted{target, {pid, report.value("start_time", std::uint64_t{0})}};
    return ProcessEnded{target, pid, report.value("how", std::string{})};
}

} // namespace engine
