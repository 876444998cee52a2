#pragma once
// A process that holds many connections open and says nothing, or garbage, or half a greeting. A
// process of its own: both ends in one would need twice the descriptors.

#include <arpa/inet.h>
#include <csignal>
#include <netinet/in.h>
#include <string>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace test {

/// Make it before gRPC starts in the process: it forks.
class IdleCrowd
{
public:
    IdleCrowd()
    {
        if (::pipe(m_orders) != 0 || ::pipe(m_answers) != 0)
            std::abort();
        m_pid = ::fork();
        if (m_pid == 0) {
            ::close(m_orders[1]);
            serve();
        }
        ::close(m_orders[0]);
    }
    ~IdleCrowd()
    {
        ::close(m_orders[1]);
        ::kill(m_pid, SIGKILL);
        ::waitpid(m_pid, nullptr, 0);
    }
    /// How many of `count` connections to 127.0.0.1:port are open; 0 lets all go.
    int hold(int port, int count)
    {
        const int order[] = {port, count};
        int open = -1;
        if (::write(m_orders[1], order, sizeof order) != sizeof order
            || ::read(m_answers[0], &open, sizeof open) != sizeof open)
            return -1;
        return open;
    }

private:
    [[noreturn]] void serve()
    {
        rlimit limit{};
        ::getrlimit(RLIMIT_NOFILE, &limit);
        limit.rlim_cur = limit.rlim_max;
        ::setrlimit(RLIMIT_NOFILE, &limit);
        std::vector<int> held;
        int order[2];
        while (::read(m_orders[0], order, sizeof order) == sizeof order) {
            for (const int fd : held)
                ::close(fd);
            held.clear();
            for (int i = 0; i < order[1]; ++i) {
                const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
                sockaddr_in to{};
                to.sin_family = AF_INET;
                to.sin_port = htons(static_cast<std::uint16_t>(order[0]));
                to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
                if (fd < 0 || ::connect(fd, reinterpret_cast<sockaddr *>(&to), sizeof to) != 0) {
                    if (fd >= 0)
                        ::close(fd);
                    break;
                }
                held.push_back(fd);
                say(fd, i);
            }
            const int open = static_cast<int>(held.size());
            if (::write(m_answers[1], &open, sizeof open) != sizeof open)
                break;
        }
        ::_exit(0);
    }
    static void say(int fd, int i)
    {
        const std::string preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
        const std::string settings("\0\0\0\4\0\0\0\0\0", 9);
        // Headers of a stream that never end, and never come.
        const std::string half("\0\x40\0\1\0\0\0\0\1", 9);
        std::string bytes;
        if (i % 5 == 1)
            bytes = std::string(300, static_cast<char>(i * 37 + 1));
        else if (i % 5 == 2)
            bytes = preface.substr(0, 10);
        else if (i % 5 == 3)
            bytes = preface + settings + half;
        else if (i % 5 == 4)
            bytes = preface + settings;
        if (!bytes.empty())
            (void)!::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    }

    int m_orders[2]{}, m_answers[2]{};
    pid_t m_pid = 0;
};

} // namespace test
