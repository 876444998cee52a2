#pragma once
// A connection to the agent's plain socket: one line out, one line back (engine/agent/warden.h).

#include "engine/base/clock.h"
#include "engine/base/error.h"
#include "engine/fault/fd.h"

#include <filesystem>
#include <string>

namespace engine {

/// One thread at a time. Kept open it is the lease.
class PlainLine
{
public:
    [[nodiscard]] static Result<PlainLine> connect(const std::filesystem::path &socket);
    /// Unavailable when the agent closed, Timeout when it did not answer within the limit.
    [[nodiscard]] Result<std::string> ask(const Clock &clock, const std::string &line,
                                          Micros limit);
    void close() { m_socket.reset(); }
    [[nodiscard]] int fd() const { return m_socket.get(); }

private:
    Fd m_socket;
    std::string m_received;
};

} // namespace engine
