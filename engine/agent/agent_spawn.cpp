#include "engine/agent/agent_spawn.h"

#include "engine/base/files.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <vector>

extern char **environ;

namespace engine {
namespace {

constexpr int kControllerFd = 3;

} // namespace

Result<SpawnedAgent> spawnAgent(const Paths &paths)
{
    const auto program = (paths.binaries / "drillroom-node").string();
    std::error_code missing;
    if (!std::filesystem::exists(program, missing))
        return fail(ErrorCode::NotFound,
                    "The program " + program + " is missing; build or install it");
    DR_RETURN_IF_ERROR(makePrivateFolder(paths.home));
    DR_RETURN_IF_ERROR(makePrivateFolder(paths.logs()));
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0)
        return failErrno("Cannot make the agent's pipe");
    Fd readEnd(ends[0]);
    SpawnedAgent agent;
    agent.pipe = Fd(ends[1]);
    agent.errors = paths.logs() / "agent-start.log";

    posix_spawn_file_actions_t files;
    ::posix_spawn_file_actions_init(&files);
    // Not the controller's streams: whoever reads its output would wait for the agent's end too.
    ::posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, agent.errors.c_str(),
                                       O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ::posix_spawn_file_actions_adddup2(&files, STDOUT_FILENO, STDERR_FILENO);
    ::posix_spawn_file_actions_adddup2(&files, readEnd.get(), kControllerFd);
    ::posix_spawn_file_actions_addclosefrom_np(&files, kControllerFd + 1);
    posix_spawnattr_t attributes;
    ::posix_spawnattr_init(&attributes);
    sigset_t none;
    sigemptyset(&none);
    ::posix_spawnattr_setsigmask(&attributes, &none);
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK);
    std::vector<std::string> words{program, "agent", "--controller-fd",
                                   std::to_string(kControllerFd)};
    std::vector<char *> argv;
    for (auto &word : words)
        argv.push_back(word.data());
    argv.push_back(nullptr);
    const int error =
        ::posix_spawn(&agent.pid, program.c_str(), &files, &attributes, argv.data(), environ);
    ::posix_spawn_file_actions_destroy(&files);
    ::posix_spawnattr_destroy(&attributes);
    if (error != 0) {
        errno = error;
        return failErrno("Cannot start " + program);
    }
    return agent;
}

bool SpawnedAgent::hasEnded(std::string *why)
{
    if (pid == 0)
        return true;
    if (::waitpid(pid, nullptr, WNOHANG) == 0)
        return false;
    pid = 0;
    if (why)
        *why = readText(errors, 64 * 1024).value_or("");
    return true;
}

} // namespace engine
