#pragma once
// Brings a store's file back from a backup and the shipped log, up to the newest event or a point.

#include "engine/base/clock.h"
#include "engine/store/backup_folder.h"

#include <optional>

namespace engine {

/// Where they lie in a shop's folder unless the store's options say otherwise.
inline constexpr std::string_view kStoreFile = "store.db", kStoreBackups = "backups";

/// Up to and with this event, or everything up to this wall time; neither: the newest.
struct RestorePoint
{
    std::optional<std::uint64_t> seq;
    std::optional<std::int64_t> at; ///< microseconds since 1970
};

/// "newest", "1234" (a sequence number) or "2026-11-22T14:03:07Z"; InvalidInput says so.
[[nodiscard]] Result<RestorePoint> parseRestorePoint(std::string_view text);

struct RestoreReport
{
    std::uint64_t seq = 0;       ///< the newest event that is back
    std::int64_t at = 0;         ///< its wall time; 0: from the shop's history
    std::uint64_t backupSeq = 0; ///< of the backup it began with
    std::uint64_t fromLog = 0;   ///< events added to that
    std::uint64_t newestSeq = 0; ///< the newest that backups and log know: above `seq` for a point
    std::uint32_t timeline = 0;
    std::string backup;
    Micros took{0};
    std::vector<std::string> notes; ///< backups passed over, damaged segments
};

/// Needs the store to be stopped: Busy when it runs. What lies at `file` is kept beside it as
/// FILE.before-restore (the last one). A damaged backup is passed over for an older one; a kill at
/// any instant leaves the old state or the new one. NotFound when no backup reaches the point.
[[nodiscard]] Result<RestoreReport> restoreStore(const std::filesystem::path &file,
                                                 const std::filesystem::path &backups,
                                                 const RestorePoint &point, const Clock &clock);

/// One sentence for the operator.
[[nodiscard]] std::string describe(const RestoreReport &report);

} // namespace engine
