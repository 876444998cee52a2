#pragma once
// How a node process learns that it must end: SIGTERM, SIGINT, a drain command or the agent's end.

#include <atomic>
#include <string>
#include <string_view>

namespace engine {

/// Made first thing in main, before any thread: it blocks the signals, and later threads inherit
/// that.
class NodeStop
{
public:
    enum class Why { Drain, Gone }; ///< Gone: nobody is left to finish for

    NodeStop();
    ~NodeStop();
    NodeStop(const NodeStop &) = delete;
    NodeStop &operator=(const NodeStop &) = delete;

    /// Any thread; the first reason wins. Signals count as Drain.
    void ask(Why why);
    [[nodiscard]] Why wait();

private:
    int m_signals = -1, m_asked = -1;
    std::atomic<int> m_why{-1};
};

/// The kernel ends this process with the one that made it (PR_SET_PDEATHSIG); false when that one
/// is gone already, so that the caller can end by itself. For nodes started by an agent only.
[[nodiscard]] bool dieWithParent();

/// One `key=value` line per entry; to `file`, or to standard error when it is empty. Times in UTC.
void setUpLog(const std::string &file, std::string_view target);

} // namespace engine
