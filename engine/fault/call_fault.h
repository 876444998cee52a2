#pragma once
// What the calls of a model server suffer, as the agent tells the server.

#include "engine/base/clock.h"

#include <cstdint>

namespace engine {

/// Bound to a lease: the server itself ends it at `until`, whatever became of the agent.
struct CallFault
{
    std::uint32_t id = 0; ///< of the fault in its run
    Micros delay{0};      ///< each call is held for so long
    int status = 0;       ///< gRPC status that a share of them ends with; 0: none
    double share = 1;     ///< decided per request from the seed
    std::uint64_t seed = 0;
    MonoTime until{0}; ///< 0: end it now
};

} // namespace engine
