#include "app/composition/train_child.h"

#include <array>
#include <csignal>
#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace app {
namespace {

using engine::ErrorCode;
using engine::fail;

/// The child writes one JSON object a line: {"what", "part"} while it works, {"error", "code",
/// "place"} at the end.
struct Relay
{
    const BuildProgress &progress;
    engine::Error error{ErrorCode::Internal, "", ""};
    std::string buffer;

    void feed(std::string_view bytes)
    {
        buffer += bytes;
        for (auto end = buffer.find('\n'); end != std::string::npos; end = buffer.find('\n')) {
            line(buffer.substr(0, end));
            buffer.erase(0, end + 1);
        }
    }
    void line(const std::string &text)
    {
        const auto json = nlohmann::json::parse(text, nullptr, false);
        if (!json.is_object())
            return;
        if (json.contains("error")) {
            error.code = static_cast<ErrorCode>(json.value("code", static_cast<int>(error.code)));
            error.message = json.value("error", "");
            error.place = json.value("place", "");
        } else if (progress) {
            progress(json.value("what", ""), json.value("part", -1.0));
        }
    }
};

} // namespace

engine::Result<> trainInChild(const engine::Paths &paths, const std::filesystem::path &folder,
                              std::uint64_t seed, engine::Micros timeLimit,
                              const BuildProgress &progress, std::stop_token stop)
{
    const auto program = (paths.binaries / "drillroom-train").string();
    if (::access(program.c_str(), X_OK) != 0)
        return fail(ErrorCode::Unavailable,
                    "This build has no LibTorch, so no model can be trained; run ./installer/start",
                    program);
    const std::vector<std::string> words = {program,
                                            "--shop",
                                            folder.string(),
                                            "--key",
                                            paths.signingKey().string(),
                                            "--seed",
                                            std::to_string(seed),
                                            "--time-limit",
                                            std::to_string(timeLimit.count() / 1'000'000)};
    std::vector<char *> arguments;
    for (const auto &word : words)
        arguments.push_back(const_cast<char *>(word.c_str()));
    arguments.push_back(nullptr);

    std::array<int, 2> pipe{};
    if (::pipe2(pipe.data(), O_CLOEXEC) != 0)
        return engine::failErrno("Cannot start the training");
    const auto parent = ::getpid();
    const pid_t child = ::fork();
    if (child < 0) {
        auto error = engine::failErrno("Cannot start the training");
        ::close(pipe[0]);
        ::close(pipe[1]);
        return error;
    }
    if (child == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (::getppid() != parent)
            ::_exit(1);
        ::setpriority(PRIO_PROCESS, 0, 10);
        ::dup2(pipe[1], STDOUT_FILENO);
        ::execv(arguments[0], arguments.data());
        ::_exit(127);
    }
    ::close(pipe[1]);
    const std::stop_callback killer(stop, [child] { ::kill(child, SIGKILL); });
    Relay relay{progress, {ErrorCode::Internal, "", ""}, ""};
    std::array<char, 4096> buffer{};
    for (;;) {
        const auto got = ::read(pipe[0], buffer.data(), buffer.size());
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        relay.feed({buffer.data(), static_cast<std::size_t>(got)});
    }
    ::close(pipe[0]);
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (stop.stop_requested())
        return fail(ErrorCode::Halted, "Stopped; nothing was left behind");
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return {};
    if (!relay.error.message.empty())
        return tl::unexpected(relay.error);
    return fail(ErrorCode::Internal,
                WIFSIGNALED(status)
                    ? "The training was ended by signal " + std::to_string(WTERMSIG(status))
                          + (WTERMSIG(status) == SIGKILL ? " (out of memory?)" : "")
                    : "The training failed with exit code " + std::to_string(WEXITSTATUS(status)));
}

} // namespace app
