#pragma once
// A benchmark's own program again as another process: a part of a shop that serves.

#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <sched.h>
#include <spawn.h>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

extern char **environ;

namespace bench {

/// Says the address to the parent and lives until the parent closes our standard input.
inline void serveUntilClosed(const std::string &address)
{
    fmt::print("{}\n", address);
    std::fflush(stdout);
    char byte = 0;
    while (::read(STDIN_FILENO, &byte, 1) > 0) {
    }
}

/// This program again, as one part of the shop.
class Part
{
public:
    explicit Part(std::vector<std::string> args)
    {
        args.insert(args.begin(), "part");
        std::vector<char *> argv;
        for (auto &arg : args)
            argv.push_back(arg.data());
        argv.push_back(nullptr);
        int in[2], out[2];
        if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0)
            std::exit(1);
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
        posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
        if (::posix_spawn(&m_pid, "/proc/self/exe", &actions, nullptr, argv.data(), environ) != 0)
            std::exit(1);
        posix_spawn_file_actions_destroy(&actions);
        ::close(in[0]);
        ::close(out[1]);
        m_in = in[1];
        for (char c = 0; ::read(out[0], &c, 1) == 1 && c != '\n';)
            m_address += c;
        ::close(out[0]);
        if (m_address.empty())
            std::exit(1);
    }
    ~Part()
    {
        ::close(m_in);
        ::waitpid(m_pid, nullptr, 0);
    }
    Part(const Part &) = delete;
    Part &operator=(const Part &) = delete;
    [[nodiscard]] const std::string &address() const { return m_address; }
    /// User and system time so far, seconds.
    [[nodiscard]] double cpu() const
    {
        std::ifstream stat(fmt::format("/proc/{}/stat", m_pid));
        std::string skipped;
        std::getline(stat, skipped, ')');
        for (int i = 0; i < 11; ++i)
            stat >> skipped;
        double user = 0, system = 0;
        stat >> user >> system;
        return (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
    }
    [[nodiscard]] double residentMiB() const
    {
        std::ifstream file(fmt::format("/proc/{}/statm", m_pid));
        double pages = 0, resident = 0;
        file >> pages >> resident;
        return resident * static_cast<double>(::sysconf(_SC_PAGESIZE)) / (1 << 20);
    }
    /// All its threads on one core.
    void pin(unsigned core) const
    {
        cpu_set_t only;
        CPU_ZERO(&only);
        CPU_SET(core, &only);
        for (const auto &thread :
             std::filesystem::directory_iterator(fmt::format("/proc/{}/task", m_pid)))
            ::sched_setaffinity(std::stoi(thread.path().filename()), sizeof only, &only);
    }

private:
    pid_t m_pid = 0;
    int m_in = -1;
    std::string m_address;
};

} // namespace bench
