#include "engine/fault/proc.h"

#include "engine/fault/fd.h"

#include <cerrno>
#include <charconv>
#include <csignal>
#include <dirent.h>
#include <fcntl.h>
#include <string_view>
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>

namespace engine {
namespace {

std::string readSmall(const std::string &path)
{
    const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    std::string text(4096, '\0');
    const auto n = file.isOpen() ? ::read(file.get(), text.data(), text.size()) : -1;
    text.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    return text;
}

// The name in parentheses may hold spaces and parentheses: fields are counted from the last ')'.
std::optional<ProcessFacts> parseStat(const std::string &text)
{
    const auto end = text.rfind(')');
    if (end == std::string::npos || end + 2 >= text.size())
        return {};
    std::vector<std::string_view> fields;
    std::string_view rest = std::string_view(text).substr(end + 2);
    while (!rest.empty()) {
        const auto space = rest.find(' ');
        fields.push_back(rest.substr(0, space));
        rest = space == std::string_view::npos ? std::string_view{} : rest.substr(space + 1);
    }
    if (fields.size() < 20)
        return {};
    const auto number = [](std::string_view field) {
        std::uint64_t value = 0;
        std::from_chars(field.data(), field.data() + field.size(), value);
        return value;
    };
    return ProcessFacts{fields[0][0], static_cast<pid_t>(number(fields[1])),
                        static_cast<pid_t>(number(fields[2])), number(fields[19])};
}

} // namespace

std::optional<ProcessFacts> readProcess(pid_t pid)
{
    return parseStat(readSmall("/proc/" + std::to_string(pid) + "/stat"));
}

std::optional<ProcessId> identify(pid_t pid)
{
    const auto facts = readProcess(pid);
    if (!facts)
        return {};
    return ProcessId{pid, facts->startTime};
}

bool isAlive(const ProcessId &id)
{
    const auto facts = readProcess(id.pid);
    return facts && facts->startTime == id.startTime && facts->state != 'Z' && facts->state != 'X';
}

bool isStopped(const ProcessId &id)
{
    if (!isAlive(id))
        return false;
    const auto folder = "/proc/" + std::to_string(id.pid) + "/task";
    DIR *tasks = ::opendir(folder.c_str());
    if (!tasks)
        return false;
    bool stopped = true;
    while (const dirent *entry = ::readdir(tasks)) {
        if (entry->d_name[0] == '.')
            continue;
        const auto facts = parseStat(readSmall(folder + "/" + entry->d_name + "/stat"));
        if (facts && facts->state != 'T') // a thread that just ended has no facts
            stopped = false;
    }
    ::closedir(tasks);
    return stopped;
}

bool signalGroup(const ProcessId &id, int signal)
{
    const Fd pin(static_cast<int>(::syscall(SYS_pidfd_open, id.pid, 0)));
    if (!pin.isOpen() || !isAlive(id))
        return false;
    const auto facts = readProcess(id.pid);
    const bool group = facts && facts->group == id.pid && ::kill(-id.pid, signal) == 0;
    // Killed by the line above it may be reaped already: that is a signal that arrived, too.
    return ::syscall(SYS_pidfd_send_signal, pin.get(), signal, nullptr, 0) == 0 || group;
}

} // namespace engine
