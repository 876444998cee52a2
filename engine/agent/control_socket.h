#pragma once
// The agent's sockets and its lock: 0700 folder, 0600 sockets, peers of the same user only.

#include "engine/base/paths.h"
#include "engine/fault/fd.h"

namespace engine {

/// Holds the home for this process until it ends. Busy names the one who has it.
[[nodiscard]] Result<Fd> lockHome(const Paths &paths);

/// A listening unix socket in place of what lay there; only for who holds the home.
[[nodiscard]] Result<Fd> listenUnix(const std::filesystem::path &path);

/// Waits for the next peer; -1 when it was somebody else's process or the wait was cut short.
[[nodiscard]] int acceptOwn(const Fd &listener);

/// Connects to a unix socket of this user; blocking.
[[nodiscard]] Result<Fd> connectUnix(const std::filesystem::path &path);

} // namespace engine
