#include "engine/agent/launcher_loop.h"

#include "engine/fault/fd.h"
#include "engine/fault/proc.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <map>
#include <nlohmann/json.hpp>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace engine {
namespace {

using nlohmann::json;

void tell(int socket, const json &message)
{
    const auto text = message.dump(-1, ' ', true, json::error_handler_t::replace);
    [[maybe_unused]] const auto n = ::send(socket, text.data(), text.size(), MSG_NOSIGNAL);
}

[[noreturn]] void becomeNode(const std::vector<std::string> &words, const std::string &log,
                             pid_t launcher)
{
    ::setpgid(0, 0);
    // SIGKILL, since a stopped process would not act on SIGTERM.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != launcher)
        ::_exit(127);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE})
        ::signal(signal, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    const int in = ::open("/dev/null", O_RDONLY);
    ::dup2(in, STDIN_FILENO);
    if (out >= 0) {
        ::dup2(out, STDOUT_FILENO);
        ::dup2(out, STDERR_FILENO);
    }
    ::close_range(3, ~0u, 0);
    std::vector<char *> argv;
    for (const auto &word : words)
        argv.push_back(const_cast<char *>(word.c_str()));
    argv.push_back(nullptr);
    ::execv(argv[0], argv.data());
    const std::string text = "Cannot start " + words[0] + ": " + std::strerror(errno) + "\n";
    [[maybe_unused]] const auto n = ::write(STDERR_FILENO, text.data(), text.size());
    ::_exit(127);
}

using Children = std::map<pid_t, std::string>;

void start(int socket, Children &children, const json &order)
{
    const auto target = order.value("start", std::string{});
    const auto argv = order.value("argv", std::vector<std::string>{});
    const auto log = order.value("log", std::string{});
    const auto launcher = ::getpid();
    int ready[2] = {-1, -1};
    ::pipe2(ready, O_CLOEXEC);
    const auto pid = argv.empty() ? -1 : ::fork();
    if (pid == 0)
        becomeNode(argv, log, launcher);
    if (pid < 0) {
        ::close(ready[0]);
        ::close(ready[1]);
        tell(socket, {{"target", target},
                      {"pid", 0},
                      {"how", "cannot start: " + std::string(std::strerror(errno))}});
        return;
    }
    // Reported only once it has bound its life to ours: a process that is frozen before that would
    // outlive us. The pipe ends when it closes what it inherited.
    ::close(ready[1]);
    char nothing = 0;
    while (::read(ready[0], &nothing, 1) < 0 && errno == EINTR)
        ;
    ::close(ready[0]);
    ::setpgid(pid, pid); // on both sides, so that the group is there whoever runs first
    children[pid] = target;
    const auto id = identify(pid); // not reaped yet, so the pid is still its own
    tell(socket, {{"target", target}, {"pid", pid}, {"start_time", id ? id->startTime : 0}});
}

void killGroups(const Children &children)
{
    for (const auto &[pid, target] : children) {
        ::kill(-pid, SIGKILL);
        ::kill(pid, SIGKILL);
    }
}

void reap(int socket, Children &children)
{
    for (;;) {
        // Looked at before it is reaped: until then its number, and its group's, is still its own.
        siginfo_t info{};
        if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0)
            return;
        const auto pid = info.si_pid;
        const auto found = children.find(pid);
        if (found != children.end())
            ::kill(-pid, SIGKILL); // what is left of its group
        int status = 0;
        ::waitpid(pid, &status, 0);
        if (found == children.end())
            continue; // a grandchild that came to us as the subreaper
        const auto how = WIFSIGNALED(status) ? "signal " + std::to_string(WTERMSIG(status))
                                             : "exit code " + std::to_string(WEXITSTATUS(status));
        tell(socket, {{"target", found->second}, {"pid", pid}, {"how", how}});
        children.erase(found);
    }
}

} // namespace

void launcherLoop(int socket)
{
    ::setsid(); // Ctrl+C of a terminal ends the agent, and by that us
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    ::prctl(PR_SET_NAME, "drill-launcher");
    // The agent's lock and pipes must end with the agent, not with us.
    if (socket > 3)
        ::close_range(3, static_cast<unsigned>(socket) - 1, 0);
    ::close_range(static_cast<unsigned>(socket) + 1, ~0u, 0);
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGCHLD);
    for (const int ignored : {SIGINT, SIGTERM, SIGHUP, SIGPIPE})
        ::signal(ignored, SIG_IGN);
    ::sigprocmask(SIG_BLOCK, &mask, nullptr);
    const int ends = ::signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);

    Children children;
    std::string text(256 * 1024, '\0');
    for (;;) {
        pollfd waits[2] = {{socket, POLLIN, 0}, {ends, POLLIN, 0}};
        if (::poll(waits, 2, -1) < 0)
            continue;
        if (waits[1].revents) {
            signalfd_siginfo info;
            while (::read(ends, &info, sizeof info) > 0)
                ;
            reap(socket, children);
        }
        if (!waits[0].revents)
            continue;
        const auto n = ::recv(socket, text.data(), text.size(), MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            continue;
        if (n <= 0)
            break;
        const auto order = json::parse(text.begin(), text.begin() + n, nullptr, false);
        if (order.is_object() && order.contains("start"))
            start(socket, children, order);
        if (order.is_object() && order.contains("kill"))
            killGroups(children);
    }
    killGroups(children);
    while (::waitpid(-1, nullptr, 0) > 0)
        ;
    ::_exit(0);
}

} // namespace engine
