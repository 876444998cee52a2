#pragma once
// Asks the processes of the shop what their users ask, over gRPC, and looks at the answers.

#include "engine/base/clock.h"

#include <cstdint>
#include <string>

namespace engine {

struct ModelAnswer
{
    bool correct = false;     ///< k different known items, best first
    std::string path, digest; ///< reply parameters
    std::string error;
};

/// One recommendation for a short history, from a replica or the gateway at 127.0.0.1:port.
[[nodiscard]] ModelAnswer askModel(std::uint16_t port, std::uint32_t items, Micros limit);
/// The store's statistics came back.
[[nodiscard]] bool askStore(std::uint16_t port, Micros limit);

} // namespace engine
