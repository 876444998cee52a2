#pragma once
// Where the backups of a store and its shipped log lie:
//   T0001-S00000000000000000123.db    everything up to event 123 of timeline 1, not in WAL mode
//   T0001-S00000000000000000123.json  its size, SHA-256 and time; without it the backup is not
//   whole T0001-L00000000000000000124.log   acknowledged events from 124 on (shipped_log.h)
// A restore begins a new timeline, so that numbers given twice are never mixed.

#include "engine/base/error.h"

#include <filesystem>
#include <vector>

namespace engine {

struct StoreBackup
{
    std::uint32_t timeline = 0;
    std::uint64_t seq = 0, bytes = 0;
    std::int64_t at = 0; ///< wall microseconds since 1970 when it was made
    std::string sha256;
    std::filesystem::path file;
};

struct LogSegment
{
    std::uint32_t timeline = 0;
    std::uint64_t first = 0, bytes = 0; ///< number of its first event
    std::filesystem::path file;
};

/// A value that names a folder; the calls look at the disk anew. Any thread, one writer.
class BackupFolder
{
public:
    explicit BackupFolder(std::filesystem::path folder) : m_folder(std::move(folder)) {}
    [[nodiscard]] const std::filesystem::path &path() const { return m_folder; }

    /// Whole backups, newest first (timeline, then number).
    [[nodiscard]] std::vector<StoreBackup> backups() const;
    /// Oldest first.
    [[nodiscard]] std::vector<LogSegment> segments() const;
    /// 0: nothing lies here.
    [[nodiscard]] std::uint32_t newestTimeline() const;
    [[nodiscard]] std::uint64_t bytes() const;

    [[nodiscard]] std::filesystem::path segmentFile(std::uint32_t timeline,
                                                    std::uint64_t first) const;
    [[nodiscard]] std::filesystem::path temporaryFile() const { return m_folder / "backup.part"; }
    /// Checks a copied database, takes it out of WAL mode, and puts it under its name with its
    /// manifest, synced. `part` is gone afterwards.
    [[nodiscard]] Result<StoreBackup> add(const std::filesystem::path &part, std::uint32_t timeline,
                                          std::uint64_t seq, std::int64_t at) const;
    /// The bytes are those of the manifest; Untrusted names the backup.
    [[nodiscard]] static Result<> check(const StoreBackup &backup);

    /// Deletes the oldest backups beyond `kept` and beyond `cap` bytes, with the segments that no
    /// remaining backup needs. The newest backup and what follows it always stays.
    void prune(std::size_t kept, std::uint64_t cap) const;

private:
    std::filesystem::path m_folder;
};

} // namespace engine
