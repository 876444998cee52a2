#include "engine/fault/moved_file.h"

#include <cerrno>
#include <fcntl.h>
#include <fmt/format.h>
#include <stdio.h>
#include <unistd.h>

namespace engine {

Result<> moveAside(const std::filesystem::path &from, const std::filesystem::path &to)
{
    // One step: nothing can come to lie at `to` between a look and the rename.
    if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0)
        return {};
    if (errno == EEXIST)
        return fail(ErrorCode::InvalidInput, "There is a file at " + to.string() + " already");
    if (errno == ENOENT)
        return fail(ErrorCode::NotFound, "There is no file " + from.string());
    return failErrno("Cannot move " + from.string());
}

std::filesystem::path freeName(const std::filesystem::path &file, const std::string &name)
{
    std::error_code error;
    for (int i = 1;; ++i) {
        std::filesystem::path candidate = fmt::format("{}.{}-{}", file.string(), name, i);
        if (!std::filesystem::exists(candidate, error))
            return candidate;
    }
}

} // namespace engine
