#include "engine/agent/plain_line.h"

#include "engine/agent/control_socket.h"

#include <array>
#include <cerrno>
#include <poll.h>
#include <sys/socket.h>

namespace engine {

Result<PlainLine> PlainLine::connect(const std::filesystem::path &socket)
{
    auto connected = connectUnix(socket);
    if (!connected)
        return tl::unexpected(connected.error());
    PlainLine line;
    line.m_socket = std::move(*connected);
    return line;
}

Result<std::string> PlainLine::ask(const Clock &clock, const std::string &line, Micros limit)
{
    const auto until = clock.now() + limit;
    const auto text = line + "\n";
    if (::send(m_socket.get(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT)
        != static_cast<ssize_t>(text.size()))
        return fail(ErrorCode::Unavailable, "The agent's plain socket is closed");
    for (;;) {
        if (const auto end = m_received.find('\n'); end != std::string::npos) {
            auto answer = m_received.substr(0, end);
            m_received.erase(0, end + 1);
            return answer;
        }
        const auto left = (until - clock.now()).count();
        pollfd wait{m_socket.get(), POLLIN, 0};
        if (left <= 0 || ::poll(&wait, 1, static_cast<int>(left / 1000 + 1)) == 0)
            return fail(ErrorCode::Timeout, "The agent did not answer in time");
        std::array<char, 4096> buffer{};
        const auto n = ::recv(m_socket.get(), buffer.data(), buffer.size(), 0);
        if (n == 0 || (n < 0 && errno != EINTR))
            return fail(ErrorCode::Unavailable, "The agent closed its plain socket");
        if (n > 0)
            m_received.append(buffer.data(), static_cast<std::size_t>(n));
    }
}

} // namespace engine
