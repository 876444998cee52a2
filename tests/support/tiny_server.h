#pragma once
// A real process of its own that answers HTTP/2 prefaces and pings on a loopback port: the smallest
// thing that faults can be tried on. Killed when its object goes.

#include "engine/fault/fault.h"

#include <algorithm>
#include <arpa/inet.h>
#include <csignal>
#include <netinet/in.h>
#include <poll.h>
#include <string>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <thread>
#include <vector>

namespace test {

class TinyServer
{
public:
    /// port 0: any.
    explicit TinyServer(std::uint16_t port = 0)
    {
        const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const int on = 1;
        ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        ::bind(listener, reinterpret_cast<sockaddr *>(&address), size);
        ::listen(listener, 16);
        ::getsockname(listener, reinterpret_cast<sockaddr *>(&address), &size);
        m_port = ntohs(address.sin_port);
        m_pid = ::fork();
        if (m_pid == 0)
            serve(listener);
        ::setpgid(m_pid, m_pid);
        ::close(listener);
    }
    ~TinyServer()
    {
        ::kill(m_pid, SIGKILL);
        ::waitpid(m_pid, nullptr, 0);
    }
    TinyServer(const TinyServer &) = delete;
    TinyServer &operator=(const TinyServer &) = delete;

    [[nodiscard]] pid_t pid() const { return m_pid; }
    [[nodiscard]] std::uint16_t port() const { return m_port; }

private:
    [[noreturn]] static void serve(int listener)
    {
        ::setpgid(0, 0);
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        // A second thread, since a freeze must stop all of them.
        std::thread([] {
            for (;;)
                ::poll(nullptr, 0, 1000);
        }).detach();
        std::vector<pollfd> sockets{{listener, POLLIN, 0}};
        for (;;) {
            ::poll(sockets.data(), sockets.size(), -1);
            for (std::size_t i = 1; i < sockets.size(); ++i)
                if (sockets[i].revents && !answer(sockets[i].fd)) {
                    ::close(sockets[i].fd);
                    sockets[i].fd = -1;
                }
            std::erase_if(sockets, [](const pollfd &one) { return one.fd < 0; });
            if (sockets[0].revents)
                sockets.push_back({::accept(listener, nullptr, nullptr), POLLIN, 0});
        }
    }

    // Enough of HTTP/2 for a probe: SETTINGS after the preface, an acknowledgement for each PING.
    static bool answer(int socket)
    {
        char buffer[4096];
        const auto n = ::recv(socket, buffer, sizeof buffer, 0);
        if (n <= 0)
            return false;
        const std::string text(buffer, static_cast<std::size_t>(n));
        static const std::string settings("\x00\x00\x00\x04\x00\x00\x00\x00\x00", 9);
        static const std::string pong("\x00\x00\x08\x06\x01\x00\x00\x00\x00", 9);
        if (text.starts_with("PRI * HTTP/2.0"))
            ::send(socket, settings.data(), settings.size(), MSG_NOSIGNAL);
        if (text.find("drillrum") != std::string::npos)
            ::send(socket, (pong + "drillrum").data(), 17, MSG_NOSIGNAL);
        return true;
    }

    pid_t m_pid = 0;
    std::uint16_t m_port = 0;
};

} // namespace test
