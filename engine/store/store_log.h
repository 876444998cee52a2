#pragma once
// The writer's end of the shipped log: which events are in it, and in which segment the next go.

#include "engine/store/backup_folder.h"
#include "engine/store/shipped_log.h"
#include "engine/store/sqlite.h"

namespace engine {

/// The writer thread's own.
class StoreLog
{
public:
    /// Brings file and log together: events that only the log has go into the file (an old copy
    /// was put back), events that only the file has go into a new segment (a kill between commit
    /// and log). InvalidInput when the log has a hole.
    [[nodiscard]] static Result<StoreLog> open(sqlite::Database &database,
                                               const BackupFolder &folder, std::uint32_t timeline);
    /// Returns when they are on the disk; after an error none is, and the call may be repeated.
    [[nodiscard]] Result<> ship(std::span<const StoreEvent> events);
    /// A new segment, once a backup has made the present one dispensable.
    [[nodiscard]] Result<> startSegment();
    [[nodiscard]] std::uint64_t shippedSeq() const { return m_seq; }
    [[nodiscard]] std::uint64_t segmentBytes() const { return m_log.bytes(); }

private:
    StoreLog(BackupFolder folder, std::uint32_t timeline, std::uint64_t seq, ShippedLog log)
        : m_folder(std::move(folder)), m_timeline(timeline), m_seq(seq), m_log(std::move(log))
    {
    }
    BackupFolder m_folder;
    std::uint32_t m_timeline = 0;
    std::uint64_t m_seq = 0;
    ShippedLog m_log;
};

} // namespace engine
