#pragma once
// A file that an operator changes while a process runs: looked at, read when it is another one.

#include "engine/base/error.h"

#include <cstdint>
#include <filesystem>
#include <optional>

namespace engine {

/// Not thread-safe. A change is a new inode, size or time of change.
class WatchedFile
{
public:
    explicit WatchedFile(std::filesystem::path path) : m_path(std::move(path)) {}
    [[nodiscard]] const std::filesystem::path &path() const { return m_path; }
    /// Its text when it is not the one seen last; an error (once) when it cannot be read any more.
    [[nodiscard]] std::optional<Result<std::string>> look();

private:
    struct Mark
    {
        std::uint64_t inode = 0, size = 0;
        std::int64_t changed = 0;
        bool isThere = false;
        bool operator==(const Mark &) const = default;
    };
    std::filesystem::path m_path;
    std::optional<Mark> m_last;
};

} // namespace engine
