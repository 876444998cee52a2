#include "engine/agent/alert_delivery.h"

#include <csignal>
#include <curl/curl.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <memory>
#include <mutex>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

namespace engine {
namespace {

constexpr Micros kCommandLimit{10'000'000}, kLook{20'000};
constexpr long kPostMillis = 5000;

std::size_t drop(char *, std::size_t size, std::size_t count, void *)
{
    return size * count;
}

} // namespace

Result<> appendLine(const std::string &file, const std::string &line)
{
    const int fd = ::open(file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    const auto text = line + "\n";
    const bool good =
        fd >= 0 && ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    const auto error = failErrno("The alert log '" + file + "' cannot be written");
    if (fd >= 0)
        ::close(fd);
    if (!good)
        return error;
    return {};
}

Result<> runCommand(const std::vector<std::string> &command, const std::string &text,
                    const Clock &clock)
{
    int pipe[2];
    if (::pipe2(pipe, O_CLOEXEC) != 0)
        return failErrno("No pipe for the alert command");
    std::vector<char *> argv;
    for (const auto &part : command)
        argv.push_back(const_cast<char *>(part.c_str()));
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, pipe[0], 0);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t none; // the agent blocks signals; the command must not
    sigemptyset(&none);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
    pid_t pid = 0;
    const int spawned = ::posix_spawnp(&pid, argv[0], &actions, &attributes, argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    ::close(pipe[0]);
    if (spawned != 0) {
        ::close(pipe[1]);
        errno = spawned;
        return failErrno("The alert command '" + command[0] + "' cannot be started");
    }
    // A pipe holds 64 KiB; an alert is far smaller, so this cannot block on a program that reads
    // nothing.
    (void)!::write(pipe[1], text.data(), std::min<std::size_t>(text.size(), 32'768));
    ::close(pipe[1]);
    const auto until = clock.now() + kCommandLimit;
    int status = 0;
    while (::waitpid(pid, &status, WNOHANG) == 0) {
        if (clock.now() > until) {
            ::kill(-pid, SIGKILL);
            ::waitpid(pid, &status, 0);
            return fail(ErrorCode::Timeout,
                        fmt::format("The alert command '{}' did not end within 10 s", command[0]));
        }
        clock.waitUntil(clock.now() + kLook, {});
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return fail(ErrorCode::Io, fmt::format("The alert command '{}' ended with {}", command[0],
                                               WIFEXITED(status) ? WEXITSTATUS(status) : -1));
    return {};
}

Result<> postJson(const std::string &url, const std::string &body)
{
    static std::once_flag once;
    std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
    const std::unique_ptr<CURL, void (*)(CURL *)> curl(curl_easy_init(), &curl_easy_cleanup);
    if (!curl)
        return fail(ErrorCode::Internal, "libcurl does not start");
    const std::unique_ptr<curl_slist, void (*)(curl_slist *)> headers(
        curl_slist_append(nullptr, "Content-Type: application/json"), &curl_slist_free_all);
    curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
    curl_easy_setopt(curl.get(), CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, headers.get());
    curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDSIZE, static_cast<long>(body.size()));
    curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDS, body.c_str());
    curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT_MS, kPostMillis);
    curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, &drop);
    const auto code = curl_easy_perform(curl.get());
    if (code != CURLE_OK)
        return fail(ErrorCode::Unavailable,
                    fmt::format("{} does not take the alert: {}", url, curl_easy_strerror(code)));
    long status = 0;
    curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
    if (status < 200 || status > 299)
        return fail(ErrorCode::Unavailable,
                    fmt::format("{} refuses the alert with status {}", url, status));
    return {};
}

} // namespace engine
