#include "engine/store/store_restore.h"

#include "engine/store/shipped_log.h"
#include "engine/store/store_file.h"

#include <charconv>
#include <ctime>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

namespace engine {
namespace {

namespace fs = std::filesystem;

tl::unexpected<Error> ioError(const std::string &what, const std::error_code &error,
                              const fs::path &file)
{
    return fail(ErrorCode::Io, what + ": " + error.message(), file.string());
}

Result<> sync(const fs::path &path)
{
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    const bool good = fd >= 0 && ::fsync(fd) == 0;
    if (fd >= 0)
        ::close(fd);
    if (!good)
        return failErrno("'" + path.string() + "' cannot be written");
    return {};
}

/// Nobody has the file open as a store does.
Result<> mustBeStopped(const fs::path &file)
{
    std::error_code error;
    if (!fs::exists(file, error))
        return {};
    auto database = sqlite::Database::open(file);
    if (!database)
        return {}; // whatever it is, it is no running store's
    const auto locked = database->execute("PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE; ROLLBACK");
    if (!locked && locked.error().message.find("locked") != std::string::npos)
        return fail(ErrorCode::Busy, "The store runs on this database; stop the shop first",
                    file.string());
    return {};
}

struct Chosen
{
    StoreBackup backup;
    std::vector<std::string> notes;
};

/// The newest sound backup at or before the point.
Result<Chosen> choose(const BackupFolder &folder, const RestorePoint &point)
{
    Chosen chosen;
    const auto all = folder.backups();
    for (const auto &backup : all) {
        if ((point.seq && backup.seq > *point.seq) || (point.at && backup.at > *point.at))
            continue;
        if (const auto sound = BackupFolder::check(backup); !sound) {
            chosen.notes.push_back(sound.error().text());
            continue;
        }
        chosen.backup = backup;
        return chosen;
    }
    if (all.empty())
        return fail(ErrorCode::NotFound, "There is no backup to restore from",
                    folder.path().string());
    if (!chosen.notes.empty())
        return fail(ErrorCode::Untrusted,
                    fmt::format("None of the backups is sound; the first: {}", chosen.notes[0]),
                    folder.path().string());
    return fail(ErrorCode::NotFound,
                fmt::format("No backup is as old as that; the oldest is of event {}, made {}",
                            all.back().seq, wallText(all.back().at)),
                folder.path().string());
}

/// Adds what the log has after the backup, up to the point.
Result<> replay(sqlite::Database &database, const BackupFolder &folder, const RestorePoint &point,
                RestoreReport &report, std::uint32_t from)
{
    auto insert = database.prepare(kInsertEvent);
    if (!insert)
        return tl::unexpected(insert.error());
    bool isOver = false;
    DR_RETURN_IF_ERROR(database.execute("BEGIN IMMEDIATE"));
    for (const auto &segment : folder.segments()) {
        if (segment.timeline != from)
            continue;
        const auto end = readLog(segment.file, from, [&](const StoreEvent &event) -> Result<> {
            report.newestSeq = std::max(report.newestSeq, event.seq);
            if (isOver || event.seq <= report.seq)
                return {};
            // Times of one store never decrease by much; the first event after the point ends it.
            if ((point.seq && event.seq > *point.seq) || (point.at && event.at > *point.at)) {
                isOver = true;
                return {};
            }
            if (event.seq != report.seq + 1) {
                isOver = true;
                report.notes.push_back(
                    fmt::format("The log has no event {}; what follows in {} is not restored",
                                report.seq + 1, segment.file.filename().string()));
                return {};
            }
            DR_RETURN_IF_ERROR(insertEvent(*insert, event));
            report.seq = event.seq;
            report.at = event.at;
            ++report.fromLog;
            return {};
        });
        if (!end && end.error().code != ErrorCode::InvalidInput)
            return tl::unexpected(end.error());
        if (!end && segment.bytes >= 32)
            report.notes.push_back(end.error().text());
        if (end && end->isDamaged)
            report.notes.push_back(fmt::format("{} is damaged at byte {}",
                                               segment.file.filename().string(), end->tornAt));
    }
    return database.execute("COMMIT");
}

/// Everything in a file of its own; returns it closed and not in WAL mode.
Result<> build(const fs::path &part, const BackupFolder &folder, const RestorePoint &point,
               const Chosen &chosen, RestoreReport &report)
{
    std::error_code error;
    DR_RETURN_IF_ERROR(sqlite::removeDatabase(part));
    if (!fs::copy_file(chosen.backup.file, part, error))
        return ioError("The backup cannot be copied", error, part);
    auto database = openStoreFile(part, {}, 0);
    if (!database)
        return tl::unexpected(database.error());
    const auto seq = newestSeq(*database);
    DR_RETURN_IF_ERROR(seq);
    report.seq = report.newestSeq = *seq;
    DR_RETURN_IF_ERROR(eachEvent(*database, *seq - std::min<std::uint64_t>(*seq, 1),
                                 [&](const StoreEvent &event) -> Result<> {
                                     report.at = event.at;
                                     return {};
                                 }));
    DR_RETURN_IF_ERROR(replay(*database, folder, point, report, chosen.backup.timeline));
    DR_RETURN_IF_ERROR(setTimeline(*database, report.timeline));
    Histories histories; // its checks are the store's own at a start
    DR_RETURN_IF_ERROR(loadHistories(*database, histories));
    return database->execute("PRAGMA journal_mode = DELETE");
}

} // namespace

Result<RestorePoint> parseRestorePoint(std::string_view text)
{
    RestorePoint point;
    if (text.empty() || text == "newest")
        return point;
    std::uint64_t seq = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), seq);
    if (code == std::errc() && end == text.data() + text.size()) {
        point.seq = seq;
        return point;
    }
    std::tm time{};
    const std::string copy(text);
    const char *rest = ::strptime(copy.c_str(), "%Y-%m-%dT%H:%M:%SZ", &time);
    if (!rest || *rest != '\0')
        return fail(ErrorCode::InvalidInput,
                    fmt::format("'{}' is no point to restore to; write newest, a sequence number, "
                                "or a time such as 2026-11-22T14:03:07Z",
                                text));
    // The whole second belongs to it.
    point.at = std::int64_t{::timegm(&time)} * 1'000'000 + 999'999;
    return point;
}

Result<RestoreReport> restoreStore(const fs::path &file, const fs::path &backups,
                                   const RestorePoint &point, const Clock &clock)
{
    const auto begun = clock.now();
    const BackupFolder folder(backups);
    DR_RETURN_IF_ERROR(mustBeStopped(file));
    const auto chosen = choose(folder, point);
    DR_RETURN_IF_ERROR(chosen);
    RestoreReport report;
    report.timeline = folder.newestTimeline() + 1;
    report.backupSeq = chosen->backup.seq;
    report.backup = chosen->backup.file.string();
    report.notes = chosen->notes;
    const auto part = fs::path(file.string() + ".restoring");
    DR_RETURN_IF_ERROR(build(part, folder, point, *chosen, report));

    // First the base of the new timeline, then the file: a kill in between leaves a backup from
    // which the same restore succeeds.
    std::error_code error;
    DR_RETURN_IF_ERROR(sqlite::removeDatabase(folder.temporaryFile()));
    if (!fs::copy_file(part, folder.temporaryFile(), error))
        return ioError("The first backup after the restore cannot be made", error,
                       folder.temporaryFile());
    DR_RETURN_IF_ERROR(
        folder.add(folder.temporaryFile(), report.timeline, report.seq, clock.wallMicros()));
    DR_RETURN_IF_ERROR(sync(part));
    for (const char *suffix : {"-wal", "-shm", "-journal"}) {
        // A log of the old file would be taken for one of the new file.
        fs::remove(file.string() + suffix, error);
        if (error)
            return ioError("The old file cannot be moved aside", error, file);
    }
    if (fs::exists(file, error))
        fs::rename(file, file.string() + ".before-restore", error);
    if (!error)
        fs::rename(part, file, error);
    if (error)
        return ioError("The restored file cannot be put in place", error, file);
    DR_RETURN_IF_ERROR(sync(file.parent_path()));
    report.took = clock.now() - begun;
    return report;
}

std::string describe(const RestoreReport &report)
{
    auto text = fmt::format("Restored up to event {}: {} of the backup, {} of the log, in {:.2f} s",
                            report.seq, report.backupSeq, report.fromLog,
                            static_cast<double>(report.took.count()) / 1e6);
    if (report.newestSeq > report.seq)
        text += fmt::format("; left out: {} later events", report.newestSeq - report.seq);
    for (const auto &note : report.notes)
        text += ". " + note;
    return text;
}

} // namespace engine
