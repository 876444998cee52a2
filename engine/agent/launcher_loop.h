#pragma once
// What runs in the launcher process.

namespace engine {

/// Serves the agent's socket until it ends, then kills everything it started and exits. Messages
/// are JSON, one per packet: {"start", "argv", "log"} and {"kill"} come in; {"target", "pid",
/// "start_time"} and {"target", "pid", "how"} go out.
[[noreturn]] void launcherLoop(int socket);

} // namespace engine
