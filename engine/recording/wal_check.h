#pragma once
// Looks into a write-ahead log: SQLite silently stops at the first frame that does not check, so a
// damaged byte in the middle would only make a recording shorter. This says so.

#include "engine/base/error.h"

#include <cstdint>
#include <filesystem>

namespace engine {

struct WalCheck
{
    std::uint64_t commits = 0; ///< whole ones, in order from the start
    /// Commits behind the first frame that does not check. One is a torn end (power went while it
    /// was written); more cannot come from a crash, because each commit is on the disk before the
    /// next one begins.
    std::uint64_t commitsBehind = 0;
    std::uint64_t at = 0; ///< byte of that frame, or of the header
    bool headerIsDamaged = false;
};

/// Format: sqlite.org/fileformat2.html section 4. An absent or empty log is sound.
[[nodiscard]] Result<WalCheck> checkWal(const std::filesystem::path &wal);

} // namespace engine
