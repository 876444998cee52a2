#include "engine/store/store_log.h"

#include "engine/store/store_file.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace engine {
namespace {

/// Puts what only the log has into the file; returns the newest number in the log, or `fileSeq`.
Result<std::uint64_t> catchUp(sqlite::Database &database, const BackupFolder &folder,
                              std::uint32_t timeline, std::uint64_t fileSeq)
{
    auto insert = database.prepare(kInsertEvent);
    if (!insert)
        return tl::unexpected(insert.error());
    auto newest = fileSeq;
    std::uint64_t logged = 0;
    DR_RETURN_IF_ERROR(database.execute("BEGIN IMMEDIATE"));
    for (const auto &segment : folder.segments()) {
        if (segment.timeline != timeline)
            continue;
        const auto end = readLog(segment.file, timeline, [&](const StoreEvent &event) -> Result<> {
            logged = std::max(logged, event.seq);
            if (event.seq <= newest)
                return {};
            if (event.seq != newest + 1)
                return fail(ErrorCode::InvalidInput,
                            fmt::format("The store's database ends with event {} and its log "
                                        "goes on with {}; restore the newest backup",
                                        newest, event.seq),
                            segment.file.string());
            newest = event.seq;
            return insertEvent(*insert, event);
        });
        if (!end) {
            // A segment whose header was never written holds nothing (a kill at its making).
            if (segment.bytes < 32)
                continue;
            return tl::unexpected(end.error());
        }
        if (end->isDamaged)
            spdlog::warn("event=log_damaged file={} byte={}", segment.file.string(), end->tornAt);
    }
    DR_RETURN_IF_ERROR(database.execute("COMMIT"));
    if (newest > fileSeq)
        spdlog::warn("event=caught_up from_log={} seq={}", newest - fileSeq, newest);
    return std::max(logged, std::uint64_t{0});
}

} // namespace

Result<StoreLog> StoreLog::open(sqlite::Database &database, const BackupFolder &folder,
                                std::uint32_t timeline)
{
    const auto fileSeq = newestSeq(database);
    DR_RETURN_IF_ERROR(fileSeq);
    const auto logged = catchUp(database, folder, timeline, *fileSeq);
    DR_RETURN_IF_ERROR(logged);
    // Without a log of this timeline, a backup must come first; what it holds needs no shipping.
    auto shipped = *logged;
    if (shipped == 0) {
        for (const auto &backup : folder.backups())
            if (backup.timeline == timeline)
                shipped = std::max(shipped, backup.seq);
        if (shipped == 0)
            shipped = *fileSeq;
    }
    std::vector<StoreEvent> missing;
    DR_RETURN_IF_ERROR(eachEvent(database, shipped, [&](const StoreEvent &event) -> Result<> {
        missing.push_back(event);
        return {};
    }));
    auto log = ShippedLog::create(folder.segmentFile(timeline, shipped + 1), timeline, shipped + 1);
    if (!log)
        return tl::unexpected(log.error());
    StoreLog out(folder, timeline, shipped, std::move(*log));
    DR_RETURN_IF_ERROR(out.ship(missing));
    return out;
}

Result<> StoreLog::ship(std::span<const StoreEvent> events)
{
    DR_RETURN_IF_ERROR(m_log.append(events));
    if (!events.empty())
        m_seq = events.back().seq;
    return {};
}

Result<> StoreLog::startSegment()
{
    auto log =
        ShippedLog::create(m_folder.segmentFile(m_timeline, m_seq + 1), m_timeline, m_seq + 1);
    if (!log)
        return tl::unexpected(log.error());
    m_log = std::move(*log);
    return {};
}

} // namespace engine
