#pragma once
// Asks a gRPC port whether its process is really running: a raw HTTP/2 client preface, to which
// every server that lives answers with its SETTINGS frame. A TCP connect alone proves nothing, the
// kernel accepts for a frozen process too.

#include "engine/base/clock.h"
#include "engine/fault/fd.h"
#include "engine/fault/host_port.h"

#include <cstdint>
#include <string>

namespace engine {

/// One HTTP/2 connection, kept open between questions. Blocking up to the given limit;
/// one thread.
class Http2Probe
{
public:
    explicit Http2Probe(const Clock &clock) : m_clock(clock) {}

    /// A new connection; true when SETTINGS came back within the limit.
    bool connect(HostPort to, Micros limit);
    /// A PING on the connection made by connect(); true when it was acknowledged within the limit.
    bool ping(Micros limit);
    void close();

private:
    bool sendAll(std::string_view bytes, MonoTime until);
    /// Reads frames until one of `type` (with `flags` set) is there.
    bool waitForFrame(std::uint8_t type, std::uint8_t flags, MonoTime until);

    const Clock &m_clock;
    Fd m_socket;
    std::string m_received;
};

/// connect() on a fresh probe.
[[nodiscard]] bool answersHttp2(const Clock &clock, HostPort to, Micros limit);
/// On 127.0.0.1.
[[nodiscard]] inline bool answersHttp2(const Clock &clock, std::uint16_t port, Micros limit)
{
    return answersHttp2(clock, HostPort{port}, limit);
}

} // namespace engine
