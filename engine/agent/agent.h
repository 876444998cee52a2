#pragma once
// The agent: starts, watches, breaks, undoes and restarts the shop of one user and home. One per
// home; lives no longer than the controller that spawned it unless `shop up` started it to stay,
// nor longer than its home: it looks every five seconds whether that is still there.

#include "engine/base/paths.h"

namespace engine {

struct AgentOptions
{
    Paths paths;
    int controllerFd =
        -1; ///< read end of a pipe that the spawning controller holds; its end ends us
};

/// Runs until it is told to end, and never returns normally: the process exits from inside. Call it
/// from main before any thread or gRPC object exists. An error (somebody else runs here, a folder
/// cannot be used) is returned with nothing started.
[[nodiscard]] Result<int> runAgent(const AgentOptions &options);

} // namespace engine
