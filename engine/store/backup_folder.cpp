#include "engine/store/backup_folder.h"

#include "engine/base/bytes.h"
#include "engine/base/digest.h"
#include "engine/base/files.h"
#include "engine/store/sqlite.h"

#include <algorithm>
#include <cstdio>
#include <fcntl.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <optional>
#include <unistd.h>

namespace engine {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::uint64_t kMostManifestBytes = 4096;

struct Name
{
    std::uint32_t timeline = 0;
    std::uint64_t number = 0;
    char kind = 0;
    std::string extension;
};

std::optional<Name> parse(const fs::path &file)
{
    Name name;
    unsigned long long number = 0;
    unsigned timeline = 0;
    const auto stem = file.stem().string();
    int used = 0;
    if (std::sscanf(stem.c_str(), "T%4u-%c%20llu%n", &timeline, &name.kind, &number, &used) != 3
        || static_cast<std::size_t>(used) != stem.size())
        return {};
    name.timeline = timeline;
    name.number = number;
    name.extension = file.extension().string();
    return name;
}

template <class Use>
void eachFile(const fs::path &folder, Use use)
{
    std::error_code error;
    for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
        std::error_code gone;
        const auto size = at->file_size(gone);
        if (!gone)
            use(at->path(), size);
    }
}

void removeFile(const fs::path &file)
{
    std::error_code ignored; // what stays is met again by the next pruning
    fs::remove(file, ignored);
}

fs::path manifestOf(fs::path file)
{
    return file.replace_extension(".json");
}

/// SHA-256 of a file of any size, without its being in memory.
Result<std::string> hashOf(const fs::path &file)
{
    const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return failErrno("'" + file.string() + "' cannot be read");
    Hasher hasher;
    std::vector<std::uint8_t> buffer(1 << 20);
    ssize_t got = 0;
    while ((got = ::read(fd, buffer.data(), buffer.size())) > 0)
        hasher.add({buffer.data(), static_cast<std::size_t>(got)});
    // It was written by somebody else (SQLite without syncing): make it last here.
    const bool good = got == 0 && ::fsync(fd) == 0;
    ::close(fd);
    if (!good)
        return failErrno("'" + file.string() + "' cannot be read");
    return hex(hasher.finish());
}

} // namespace

std::vector<StoreBackup> BackupFolder::backups() const
{
    std::vector<StoreBackup> out;
    eachFile(m_folder, [&](const fs::path &file, std::uint64_t size) {
        const auto name = parse(file);
        if (!name || name->kind != 'S' || name->extension != ".db")
            return;
        const auto text = readText(manifestOf(file), kMostManifestBytes);
        if (!text)
            return;
        const auto manifest = json::parse(*text, nullptr, false);
        StoreBackup backup{name->timeline, name->number, size, 0, {}, file};
        try {
            manifest.at("at").get_to(backup.at);
            manifest.at("sha256").get_to(backup.sha256);
        } catch (const json::exception &) {
            return;
        }
        out.push_back(std::move(backup));
    });
    std::sort(out.begin(), out.end(), [](const auto &a, const auto &b) {
        return std::pair(a.timeline, a.seq) > std::pair(b.timeline, b.seq);
    });
    return out;
}

std::vector<LogSegment> BackupFolder::segments() const
{
    std::vector<LogSegment> out;
    eachFile(m_folder, [&](const fs::path &file, std::uint64_t size) {
        const auto name = parse(file);
        if (name && name->kind == 'L' && name->extension == ".log")
            out.push_back({name->timeline, name->number, size, file});
    });
    std::sort(out.begin(), out.end(), [](const auto &a, const auto &b) {
        return std::pair(a.timeline, a.first) < std::pair(b.timeline, b.first);
    });
    return out;
}

std::uint32_t BackupFolder::newestTimeline() const
{
    std::uint32_t newest = 0;
    eachFile(m_folder, [&](const fs::path &file, std::uint64_t) {
        if (const auto name = parse(file))
            newest = std::max(newest, name->timeline);
    });
    return newest;
}

std::uint64_t BackupFolder::bytes() const
{
    std::uint64_t sum = 0;
    eachFile(m_folder, [&](const fs::path &, std::uint64_t size) { sum += size; });
    return sum;
}

fs::path BackupFolder::segmentFile(std::uint32_t timeline, std::uint64_t first) const
{
    return m_folder / fmt::format("T{:04}-L{:020}.log", timeline, first);
}

Result<StoreBackup> BackupFolder::add(const fs::path &part, std::uint32_t timeline,
                                      std::uint64_t seq, std::int64_t at) const
{
    {
        auto database = sqlite::Database::open(part);
        if (!database)
            return tl::unexpected(database.error());
        DR_RETURN_IF_ERROR(database->execute("PRAGMA journal_mode = DELETE"));
        auto check = database->prepare("PRAGMA integrity_check(1)");
        if (!check)
            return tl::unexpected(check.error());
        auto row = check->step();
        if (!row)
            return tl::unexpected(row.error());
        if (!*row || check->text(0) != "ok")
            return fail(ErrorCode::InvalidInput,
                        "The backup that was just made is damaged (" + check->text(0)
                            + "); is the disk sound?",
                        part.string());
    }
    StoreBackup backup;
    backup.timeline = timeline;
    backup.seq = seq;
    backup.at = at;
    backup.file = m_folder / fmt::format("T{:04}-S{:020}.db", timeline, seq);
    auto hash = hashOf(part);
    DR_RETURN_IF_ERROR(hash);
    backup.sha256 = std::move(*hash);
    std::error_code error;
    backup.bytes = fs::file_size(part, error);
    if (!error)
        fs::rename(part, backup.file, error);
    if (error)
        return fail(ErrorCode::Io, "The backup cannot be put in place: " + error.message(),
                    backup.file.string());
    const json manifest{{"timeline", timeline},
                        {"seq", seq},
                        {"at", at},
                        {"bytes", backup.bytes},
                        {"sha256", backup.sha256}};
    DR_RETURN_IF_ERROR(writeTextAtomically(manifestOf(backup.file), manifest.dump(1), 0600));
    return backup;
}

Result<> BackupFolder::check(const StoreBackup &backup)
{
    const auto hash = hashOf(backup.file);
    DR_RETURN_IF_ERROR(hash);
    if (*hash != backup.sha256)
        return fail(ErrorCode::Untrusted, "The backup is damaged: its checksum differs",
                    backup.file.string());
    return {};
}

void BackupFolder::prune(std::size_t kept, std::uint64_t cap) const
{
    auto all = backups();
    auto logs = segments();
    // A segment is of use while a backup of its timeline lies at or before its end.
    const auto dropUnused = [&] {
        std::vector<LogSegment> used;
        for (std::size_t i = 0; i < logs.size(); ++i) {
            const bool isNewest = i + 1 == logs.size() || logs[i + 1].timeline != logs[i].timeline;
            const bool isUsed = std::any_of(all.begin(), all.end(), [&](const StoreBackup &backup) {
                return backup.timeline == logs[i].timeline
                       && (isNewest || backup.seq + 1 < logs[i + 1].first);
            });
            if (isUsed || i + 1 == logs.size())
                used.push_back(logs[i]);
            else
                removeFile(logs[i].file);
        }
        logs = std::move(used);
    };
    const auto size = [&] {
        std::uint64_t sum = 0;
        for (const auto &backup : all)
            sum += backup.bytes;
        for (const auto &segment : logs)
            sum += segment.bytes;
        return sum;
    };
    dropUnused();
    while (all.size() > 1 && (all.size() > kept || size() > cap)) {
        // The manifest first: a backup without it is never taken for a whole one.
        removeFile(manifestOf(all.back().file));
        removeFile(all.back().file);
        all.pop_back();
        dropUnused();
    }
    eachFile(m_folder, [&](const fs::path &file, std::uint64_t) {
        const auto name = parse(file);
        std::error_code error;
        if (name && name->kind == 'S' && name->extension == ".db"
            && !fs::exists(manifestOf(file), error))
            removeFile(file);
    });
}

} // namespace engine
