#include "app/composition/train_process.h"

#include <array>
#include <csignal>
#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <optional>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace app {
namespace {

using engine::ErrorCode;
using engine::fail;

struct Relay
{
    const TrainLine &line;
    engine::Error error{ErrorCode::Internal, "", ""};
    std::string buffer;

    void feed(std::string_view bytes)
    {
        buffer += bytes;
        std::size_t begin = 0;
        for (auto end = buffer.find('\n'); end != std::string::npos;
             end = buffer.find('\n', begin)) {
            take(buffer.substr(begin, end - begin));
            begin = end + 1;
        }
        buffer.erase(0, begin);
    }
    void take(const std::string &text)
    {
        const auto json = nlohmann::json::parse(text, nullptr, false);
        if (!json.is_object())
            return;
        if (json.contains("error")) {
            error.code = static_cast<ErrorCode>(json.value("code", static_cast<int>(error.code)));
            error.message = json.value("error", "");
            error.place = json.value("place", "");
        } else if (line) {
            line(json);
        }
    }
};

struct Pipe
{
    std::array<int, 2> ends{-1, -1};
    Pipe() = default;
    Pipe(const Pipe &) = delete;
    Pipe &operator=(const Pipe &) = delete;
    ~Pipe()
    {
        close(0);
        close(1);
    }
    [[nodiscard]] bool open() { return ::pipe2(ends.data(), O_CLOEXEC) == 0; }
    /// For what we write: a socket gives an error where a pipe would end us (SIGPIPE).
    [[nodiscard]] bool openSocket()
    {
        return ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0;
    }
    void close(std::size_t end)
    {
        if (ends[end] >= 0)
            ::close(ends[end]);
        ends[end] = -1;
    }
};

void write(int fd, std::string_view text)
{
    while (!text.empty()) {
        const auto put = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return; // the child is gone; its end says why
        text.remove_prefix(static_cast<std::size_t>(put));
    }
}

} // namespace

void TrainWords::say(std::string_view word)
{
    const std::scoped_lock lock(m_mutex);
    if (m_to >= 0)
        write(m_to, std::string(word) + "\n");
}

void TrainWords::kill()
{
    const std::scoped_lock lock(m_mutex);
    if (m_child > 0)
        ::kill(m_child, SIGKILL);
}

/// While a child hears them.
class TrainWordsOn
{
public:
    TrainWordsOn(std::shared_ptr<TrainWords> words, int to, pid_t child) : m_words(std::move(words))
    {
        set(to, child);
    }
    ~TrainWordsOn() { set(-1, -1); }
    TrainWordsOn(const TrainWordsOn &) = delete;
    TrainWordsOn &operator=(const TrainWordsOn &) = delete;

private:
    void set(int to, pid_t child)
    {
        if (!m_words)
            return;
        const std::scoped_lock lock(m_words->m_mutex);
        m_words->m_to = to;
        m_words->m_child = child;
    }
    std::shared_ptr<TrainWords> m_words;
};

namespace {

engine::Result<> outcome(int status, const Relay &relay, bool stopped)
{
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return {};
    if (stopped && (WIFSIGNALED(status) || relay.error.message.empty()))
        return fail(ErrorCode::Halted, "Stopped; nothing was left behind");
    if (!relay.error.message.empty())
        return tl::unexpected(relay.error);
    return fail(ErrorCode::Internal,
                WIFSIGNALED(status)
                    ? "The training was ended by signal " + std::to_string(WTERMSIG(status))
                          + (WTERMSIG(status) == SIGKILL ? " (out of memory?)" : "")
                    : "The training failed with exit code " + std::to_string(WEXITSTATUS(status)));
}

} // namespace

engine::Result<> runTrainProcess(const engine::Paths &paths, const TrainProcess &process,
                                 const TrainLine &line, std::stop_token stop)
{
    const auto program = (paths.binaries / "drillroom-train").string();
    if (::access(program.c_str(), X_OK) != 0)
        return fail(ErrorCode::Unavailable,
                    "This build has no LibTorch, so no model can be trained or asked; run "
                    "./installer/start",
                    program);
    std::vector<char *> arguments{const_cast<char *>(program.c_str())};
    for (const auto &word : process.arguments)
        arguments.push_back(const_cast<char *>(word.c_str()));
    arguments.push_back(nullptr);
    Pipe in, out;
    if (!in.openSocket() || !out.open())
        return engine::failErrno("Cannot start drillroom-train");
    const auto parent = ::getpid();
    const pid_t child = ::fork();
    if (child < 0)
        return engine::failErrno("Cannot start drillroom-train");
    if (child == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (::getppid() != parent)
            ::_exit(1);
        // Ctrl+C reaches the whole group; we tell the child ourselves what it means.
        ::signal(SIGINT, SIG_IGN);
        ::setpriority(PRIO_PROCESS, 0, 10);
        ::dup2(in.ends[0], STDIN_FILENO);
        ::dup2(out.ends[1], STDOUT_FILENO);
        ::execv(arguments[0], arguments.data());
        ::_exit(127);
    }
    in.close(0);
    out.close(1);
    const std::stop_callback stopper(
        stop, [child, how = process.gentle ? SIGTERM : SIGKILL] { ::kill(child, how); });
    write(in.ends[1], process.input);
    std::optional<TrainWordsOn> on(std::in_place, process.words, in.ends[1], child);
    Relay relay{line, {ErrorCode::Internal, "", ""}, ""};
    std::array<char, 4096> buffer{};
    for (;;) {
        const auto got = ::read(out.ends[0], buffer.data(), buffer.size());
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        relay.feed({buffer.data(), static_cast<std::size_t>(got)});
    }
    on.reset(); // before its pid can belong to another
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return outcome(status, relay, stop.stop_requested());
}

} // namespace app
