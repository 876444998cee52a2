#pragma once
// Parent of every shop process. It is forked before the agent has any thread or gRPC, stays
// single-threaded, and kills everything it started when the agent is gone: PR_SET_PDEATHSIG is tied
// to the thread that forked, and a fork beside running threads is not safe.

#include "engine/base/clock.h"
#include "engine/base/error.h"
#include "engine/fault/fd.h"
#include "engine/fault/proc.h"

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace engine {

struct ProcessStarted
{
    std::string target;
    ProcessId id;
};

struct ProcessEnded
{
    std::string target;
    pid_t pid = 0;
    std::string how; ///< "signal 9", "exit code 3", "cannot start: ..."
};

using LauncherReport = std::variant<ProcessStarted, ProcessEnded>;

/// The agent's end. start(), killAll() and wake() are for any thread and never block; read() is for
/// one thread.
class Launcher
{
public:
    /// Call it in a process with one thread. Children get their own process group and session-less
    /// standard streams (input /dev/null, output the log).
    [[nodiscard]] static Result<Launcher> fork();

    /// `target` names the process in the reports; argv[0] is the program.
    [[nodiscard]] Result<> start(const std::string &target, const std::vector<std::string> &argv,
                                 const std::string &log);
    /// SIGKILL to every process group; each end is still reported.
    void killAll();
    /// Ends the launcher and all it started; true when they were gone within the limit.
    bool end(const Clock &clock, Micros limit);
    /// Waits up to `limitMillis` for a report.
    [[nodiscard]] std::optional<LauncherReport> read(int limitMillis);
    /// Ends a read() that waits, or the next one, without a report.
    void wake();
    /// The launcher process ended, and with it every process of the shop.
    [[nodiscard]] bool isGone() const { return *m_gone; }
    [[nodiscard]] pid_t pid() const { return m_pid; }

private:
    [[nodiscard]] Result<> send(const std::string &message);
    Fd m_socket, m_wake;
    pid_t m_pid = 0;
    std::unique_ptr<std::atomic<bool>> m_gone = std::make_unique<std::atomic<bool>>(false);
};

} // namespace engine
