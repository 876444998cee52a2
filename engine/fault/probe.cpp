#include "engine/fault/probe.h"

#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

namespace engine {
namespace {

using namespace std::string_view_literals;

constexpr auto kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
                          "\x00\x00\x00\x04\x00\x00\x00\x00\x00"sv; // an empty SETTINGS frame
constexpr auto kSettingsAck = "\x00\x00\x00\x04\x01\x00\x00\x00\x00"sv;
constexpr auto kPing = "\x00\x00\x08\x06\x00\x00\x00\x00\x00drillrum"sv;
constexpr std::size_t kFrameHeader = 9;
constexpr std::uint8_t kSettings = 4, kPingType = 6, kAck = 1;

bool waitFor(const Clock &clock, int fd, short events, MonoTime until)
{
    const auto left = (until - clock.now()).count();
    if (left <= 0)
        return false;
    pollfd entry{fd, events, 0};
    return ::poll(&entry, 1, static_cast<int>(left / 1000 + 1)) == 1;
}

} // namespace

bool Http2Probe::connect(HostPort at, Micros limit)
{
    const auto until = m_clock.now() + limit;
    m_received.clear();
    m_socket = Fd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(at.port);
    to.sin_addr.s_addr = htonl(at.host);
    const int on = 1;
    ::setsockopt(m_socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (::connect(m_socket.get(), reinterpret_cast<const sockaddr *>(&to), sizeof to) != 0
        && errno != EINPROGRESS)
        return false;
    if (!waitFor(m_clock, m_socket.get(), POLLOUT, until) || !sendAll(kPreface, until)
        || !waitForFrame(kSettings, 0, until))
        return false;
    return sendAll(kSettingsAck, until);
}

bool Http2Probe::ping(Micros limit)
{
    const auto until = m_clock.now() + limit;
    return m_socket.isOpen() && sendAll(kPing, until) && waitForFrame(kPingType, kAck, until);
}

void Http2Probe::close()
{
    m_socket.reset();
}

bool Http2Probe::sendAll(std::string_view bytes, MonoTime until)
{
    while (!bytes.empty()) {
        const auto n = ::send(m_socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (n > 0)
            bytes.remove_prefix(static_cast<std::size_t>(n));
        else if (errno != EAGAIN || !waitFor(m_clock, m_socket.get(), POLLOUT, until))
            return false;
    }
    return true;
}

bool Http2Probe::waitForFrame(std::uint8_t type, std::uint8_t flags, MonoTime until)
{
    for (;;) {
        while (m_received.size() >= kFrameHeader) {
            const auto byte = [&](std::size_t i) {
                return static_cast<std::uint8_t>(m_received[i]);
            };
            const std::size_t size = kFrameHeader
                                     + (static_cast<std::size_t>(byte(0)) << 16
                                        | static_cast<std::size_t>(byte(1)) << 8 | byte(2));
            if (m_received.size() < size)
                break;
            const bool found = byte(3) == type && (byte(4) & flags) == flags;
            m_received.erase(0, size);
            if (found)
                return true;
        }
        if (!waitFor(m_clock, m_socket.get(), POLLIN, until))
            return false;
        char buffer[4096];
        const auto n = ::recv(m_socket.get(), buffer, sizeof buffer, 0);
        if (n == 0 || (n < 0 && errno != EAGAIN))
            return false;
        if (n > 0)
            m_received.append(buffer, static_cast<std::size_t>(n));
    }
}

bool answersHttp2(const Clock &clock, HostPort to, Micros limit)
{
    Http2Probe probe(clock);
    return to.port != 0 && probe.connect(to, limit);
}

} // namespace engine
