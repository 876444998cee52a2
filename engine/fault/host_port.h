#pragma once
// An IPv4 address and a port, in the host's byte order.

#include <cstdint>

namespace engine {

struct HostPort
{
    std::uint16_t port = 0; ///< 0 = nowhere
    std::uint32_t host = 0x7F000001;
    [[nodiscard]] bool operator==(const HostPort &) const = default;
};

} // namespace engine
