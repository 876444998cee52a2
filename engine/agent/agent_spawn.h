#pragma once
// Starting an agent as a child of a controller.

#include "engine/base/clock.h"
#include "engine/base/paths.h"
#include "engine/fault/fd.h"

#include <sys/types.h>

namespace engine {

/// A spawned agent: it ends when `pipe` (the write end that it watches) is closed, also by our
/// death.
struct SpawnedAgent
{
    pid_t pid = 0;
    Fd pipe;
    std::filesystem::path errors; ///< where its standard error goes

    /// It ended; `why` is what it said last. Reaps it.
    [[nodiscard]] bool hasEnded(std::string *why = nullptr);
};

[[nodiscard]] Result<SpawnedAgent> spawnAgent(const Paths &paths);

} // namespace engine
