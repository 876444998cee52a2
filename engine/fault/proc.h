#pragma once
// What the kernel says about a process in /proc. A pid alone names nothing, since numbers are used
// again: pid and start time together name one process.

#include <cstdint>
#include <optional>
#include <string>
#include <sys/types.h>

namespace engine {

struct ProcessId
{
    pid_t pid = 0;
    std::uint64_t startTime = 0; ///< clock ticks since boot, field 22 of /proc/PID/stat
    bool operator==(const ProcessId &) const = default;
};

struct ProcessFacts
{
    char state = '?'; ///< R, S, D, T, Z ... as in proc(5)
    pid_t parent = 0, group = 0;
    std::uint64_t startTime = 0;
};

/// Nothing when there is no such process.
[[nodiscard]] std::optional<ProcessFacts> readProcess(pid_t pid);

/// The process that has this pid now, with its start time; nothing when there is none.
[[nodiscard]] std::optional<ProcessId> identify(pid_t pid);

/// Still the same process, and not a zombie.
[[nodiscard]] bool isAlive(const ProcessId &id);

/// Every thread of the process is stopped by a signal (state T).
[[nodiscard]] bool isStopped(const ProcessId &id);

/// Signals the process and its group, if it is still that process and leads its group; false when
/// it is gone. A pidfd pins the process between the check and the signal.
bool signalGroup(const ProcessId &id, int signal);

} // namespace engine
