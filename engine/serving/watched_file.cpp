#include "engine/serving/watched_file.h"

#include "engine/base/files.h"

#include <sys/stat.h>

namespace engine {
namespace {

constexpr std::uint64_t kMostBytes = 1 << 20;

} // namespace

std::optional<Result<std::string>> WatchedFile::look()
{
    Mark mark;
    struct stat found = {};
    if (::stat(m_path.c_str(), &found) == 0)
        mark = {found.st_ino, static_cast<std::uint64_t>(found.st_size),
                found.st_ctim.tv_sec * 1'000'000'000 + found.st_ctim.tv_nsec, true};
    if (m_last == mark)
        return std::nullopt;
    m_last = mark;
    if (!mark.isThere)
        return fail(ErrorCode::NotFound, "The file is not there", m_path.string());
    return readText(m_path, kMostBytes);
}

} // namespace engine
