#include "engine/serving/memory_guard.h"

#include <algorithm>
#include <fstream>
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
        if (const auto most = number(m_group / "memory.max"))
            consider(least, *most, number(m_group / "memory.current").value_or(0));
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
