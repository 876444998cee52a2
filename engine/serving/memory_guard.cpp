#include "engine/serving/memory_guard.h"

#include "engine/base/clock.h"

#include <algorithm>
#include <fstream>
#include <mutex>
#include <string>
#include <sys/resource.h>
#include <unistd.h>

namespace engine {
namespace {

/// For what happens outside of the work that asks: reading requests, gRPC's own buffers, threads.
constexpr std::uint64_t kReserve = std::uint64_t{24} << 20;

std::optional<std::uint64_t> number(const std::filesystem::path &file)
{
    std::ifstream in(file);
    std::uint64_t value = 0;
    if (in >> value)
        return value;
    return std::nullopt; // "max", or no such file
}

/// Version 2 of control groups: one line "0::/path".
std::filesystem::path ownGroup()
{
    std::ifstream in("/proc/self/cgroup");
    for (std::string line; std::getline(in, line);)
        if (line.starts_with("0::/"))
            return "/sys/fs/cgroup" + line.substr(3);
    return {};
}

/// What of a group's memory cannot simply be given back: not the pages of files.
std::uint64_t groupUses(const std::filesystem::path &group)
{
    const auto current = number(group / "memory.current").value_or(0);
    std::uint64_t files = 0;
    std::ifstream stat(group / "memory.stat");
    std::string name;
    std::uint64_t value = 0;
    while (stat >> name >> value)
        if (name == "inactive_file" || name == "active_file")
            files += value;
    return current > files ? current - files : 0;
}

/// Of the group; looked at again after 20 ms, since it takes three files.
std::optional<std::uint64_t> leftInGroup(const std::filesystem::path &group)
{
    static std::mutex mutex; // the two below
    static std::optional<std::uint64_t> left;
    static MonoTime next{0};
    const std::lock_guard lock(mutex);
    const auto now = systemClock().now();
    if (now < next)
        return left;
    next = now + Micros{20'000};
    left.reset();
    if (const auto most = number(group / "memory.max")) {
        const auto used = groupUses(group);
        left = *most > used ? *most - used : 0;
    }
    return left;
}

void consider(std::optional<std::uint64_t> &least, std::uint64_t limit, std::uint64_t used)
{
    const auto left = limit > used ? limit - used : 0;
    least = least ? std::min(*least, left) : left;
}

} // namespace

MemoryGuard::MemoryGuard() : m_group(ownGroup()) {}

std::optional<std::uint64_t> MemoryGuard::left() const
{
    std::optional<std::uint64_t> least;
    rlimit space{}, data{};
    ::getrlimit(RLIMIT_AS, &space);
    ::getrlimit(RLIMIT_DATA, &data);
    if (space.rlim_cur != RLIM_INFINITY || data.rlim_cur != RLIM_INFINITY) {
        // Pages: size resident shared text lib data dirty (proc(5)).
        std::ifstream statm("/proc/self/statm");
        std::uint64_t size = 0, skipped = 0, heap = 0;
        statm >> size >> skipped >> skipped >> skipped >> skipped >> heap;
        const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
        if (space.rlim_cur != RLIM_INFINITY)
            consider(least, space.rlim_cur, size * page);
        if (data.rlim_cur != RLIM_INFINITY)
            consider(least, data.rlim_cur, heap * page);
    }
    if (!m_group.empty())
        if (const auto inGroup = leftInGroup(m_group))
            consider(least, *inGroup, 0);
    return least;
}

MemoryGuard::Hold MemoryGuard::take(std::uint64_t bytes)
{
    const auto held = m_held.fetch_add(bytes) + bytes;
    const auto have = left();
    if (have && *have < kReserve + held) {
        m_held -= bytes;
        return nullptr;
    }
    return {this, [bytes](void *guard) { static_cast<MemoryGuard *>(guard)->m_held -= bytes; }};
}

} // namespace engine
