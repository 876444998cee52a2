#include "engine/store/store_file.h"

#include <cstring>
#include <fmt/format.h>

namespace engine {
namespace {

constexpr std::uint64_t kApplicationId = 0x44525331; // "DRS1"

// One blob per shopper for what the store starts from (uint32, little-endian): a million events are
// in place within a fraction of a second, and a start reads them as fast. Live events are rows.
constexpr const char *kTables =
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE seed(shopper INTEGER PRIMARY KEY, items BLOB NOT NULL);"
    "CREATE TABLE events(seq INTEGER PRIMARY KEY, shopper INTEGER NOT NULL, h INTEGER NOT NULL,"
    " item INTEGER NOT NULL, at INTEGER NOT NULL DEFAULT 0, UNIQUE(shopper, h));";
constexpr std::uint64_t kVersion = 2; // 1 (written as 0): no times of events, no timeline

Result<std::uint64_t> number(sqlite::Database &database, std::string_view sql)
{
    auto statement = database.prepare(sql);
    if (!statement)
        return tl::unexpected(statement.error());
    auto row = statement->step();
    if (!row)
        return tl::unexpected(row.error());
    return *row ? statement->number(0) : 0;
}

Result<> setMeta(sqlite::Database &database, std::string_view key, std::uint64_t value)
{
    auto statement = database.prepare("INSERT OR REPLACE INTO meta VALUES(?1, ?2)");
    if (!statement)
        return tl::unexpected(statement.error());
    statement->bind(1, key).bind(2, value);
    return statement->run();
}

Result<> setVersion(sqlite::Database &database)
{
    return database.execute(fmt::format("PRAGMA user_version = {}", kVersion).c_str());
}

/// A file of an earlier Drillroom: its events get the time 0.
Result<> upgrade(sqlite::Database &database)
{
    DR_RETURN_IF_ERROR(database.execute(
        "BEGIN IMMEDIATE; ALTER TABLE events ADD COLUMN at INTEGER NOT NULL DEFAULT 0;"));
    DR_RETURN_IF_ERROR(setMeta(database, "timeline", 1));
    DR_RETURN_IF_ERROR(setVersion(database));
    return database.execute("COMMIT");
}

Result<> fillFrom(sqlite::Database &database, const StoreSeed &seed, std::uint32_t timeline)
{
    DR_RETURN_IF_ERROR(database.execute("BEGIN IMMEDIATE"));
    DR_RETURN_IF_ERROR(database.execute(kTables));
    auto insert = database.prepare("INSERT INTO seed VALUES(?1, ?2)");
    if (!insert)
        return tl::unexpected(insert.error());
    for (std::size_t shopper = 0; shopper + 1 < seed.offsets.size(); ++shopper) {
        const auto *first =
            reinterpret_cast<const std::uint8_t *>(seed.events.data() + seed.offsets[shopper]);
        const auto bytes =
            (seed.offsets[shopper + 1] - seed.offsets[shopper]) * sizeof(std::uint32_t);
        insert->bind(1, std::uint64_t{shopper}).bind(2, std::span(first, bytes));
        DR_RETURN_IF_ERROR(insert->run());
    }
    DR_RETURN_IF_ERROR(setMeta(database, "items", seed.items));
    DR_RETURN_IF_ERROR(setMeta(database, "timeline", timeline));
    DR_RETURN_IF_ERROR(setVersion(database));
    // Inside the transaction: only a whole file carries our name.
    DR_RETURN_IF_ERROR(
        database.execute(fmt::format("PRAGMA application_id = {}", kApplicationId).c_str()));
    return database.execute("COMMIT");
}

tl::unexpected<Error> damaged(std::string_view what)
{
    return fail(ErrorCode::InvalidInput,
                fmt::format("The store's database is damaged ({}); restore a backup, or move it "
                            "away to start from the shop's history again",
                            what));
}

Result<std::vector<std::vector<std::uint32_t>>> readSeed(sqlite::Database &database,
                                                         std::uint32_t items)
{
    std::vector<std::vector<std::uint32_t>> seed;
    auto rows = database.prepare("SELECT shopper, items FROM seed ORDER BY shopper");
    if (!rows)
        return tl::unexpected(rows.error());
    while (true) {
        auto row = rows->step();
        if (!row)
            return tl::unexpected(row.error());
        if (!*row)
            return seed;
        const auto blob = rows->blob(1);
        if (rows->number(0) != seed.size() || blob.size() % sizeof(std::uint32_t) != 0)
            return damaged("the shoppers it started from");
        auto &events = seed.emplace_back(blob.size() / sizeof(std::uint32_t));
        if (!blob.empty())
            std::memcpy(events.data(), blob.data(), blob.size());
        for (const auto item : events) {
            if (item >= items)
                return damaged("an unknown item");
        }
    }
}

} // namespace

Result<sqlite::Database> openStoreFile(const std::filesystem::path &file,
                                       const SqliteEventStore::SeedSource &seed,
                                       std::uint32_t timeline)
{
    auto database = sqlite::Database::open(file);
    if (!database)
        return tl::unexpected(database.error());
    // FULL syncs the log at every commit: an acknowledged event outlives a power cut.
    DR_RETURN_IF_ERROR(
        database->execute("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL;"
                          "PRAGMA synchronous = FULL;"));
    auto id = number(*database, "PRAGMA application_id");
    auto tables = number(*database, "SELECT count(*) FROM sqlite_schema");
    if (!id || !tables)
        return tl::unexpected((id ? tables : id).error());
    if (*id == kApplicationId) {
        const auto version = number(*database, "PRAGMA user_version");
        DR_RETURN_IF_ERROR(version);
        if (*version > kVersion)
            return fail(ErrorCode::InvalidInput,
                        "The store's database was written by a newer Drillroom; use that one",
                        file.string());
        if (*version < kVersion)
            DR_RETURN_IF_ERROR(upgrade(*database));
        return database;
    }
    if (*tables != 0)
        return fail(ErrorCode::InvalidInput,
                    "This is not a store's database; move it away and start the shop anew",
                    file.string());
    if (!seed)
        return fail(ErrorCode::NotFound, "There is no store's database", file.string());
    auto start = seed();
    if (!start)
        return tl::unexpected(start.error());
    DR_RETURN_IF_ERROR(fillFrom(*database, *start, timeline));
    return database;
}

Result<std::uint32_t> timelineOf(sqlite::Database &database)
{
    const auto timeline = number(database, "SELECT value FROM meta WHERE key = 'timeline'");
    DR_RETURN_IF_ERROR(timeline);
    return static_cast<std::uint32_t>(*timeline);
}

Result<> setTimeline(sqlite::Database &database, std::uint32_t timeline)
{
    return setMeta(database, "timeline", timeline);
}

Result<std::uint64_t> newestSeq(sqlite::Database &database)
{
    const auto newest = number(database, "SELECT max(seq) FROM events");
    DR_RETURN_IF_ERROR(newest);
    if (*newest != 0)
        return newest;
    return number(database, "SELECT sum(length(items)) / 4 FROM seed");
}

Result<> insertEvent(sqlite::Statement &insert, const StoreEvent &event)
{
    insert.bind(1, event.seq)
        .bind(2, std::uint64_t{event.shopper})
        .bind(3, std::uint64_t{event.h})
        .bind(4, std::uint64_t{event.item})
        .bind(5, static_cast<std::uint64_t>(event.at));
    return insert.run();
}

Result<> eachEvent(sqlite::Database &database, std::uint64_t seq,
                   const std::function<Result<>(const StoreEvent &)> &take)
{
    auto rows = database.prepare(
        "SELECT seq, at, shopper, h, item FROM events WHERE seq > ?1 ORDER BY seq");
    if (!rows)
        return tl::unexpected(rows.error());
    rows->bind(1, seq);
    while (true) {
        auto row = rows->step();
        if (!row)
            return tl::unexpected(row.error());
        if (!*row)
            return {};
        DR_RETURN_IF_ERROR(take({rows->number(0), static_cast<std::int64_t>(rows->number(1)),
                                 static_cast<std::uint32_t>(rows->number(2)),
                                 static_cast<std::uint32_t>(rows->number(3)),
                                 static_cast<std::uint32_t>(rows->number(4))}));
    }
}

Result<> loadHistories(sqlite::Database &database, Histories &histories)
{
    auto check = database.prepare("PRAGMA integrity_check(1)");
    if (!check)
        return tl::unexpected(check.error());
    auto verdict = check->step();
    if (!verdict)
        return tl::unexpected(verdict.error());
    if (!*verdict || check->text(0) != "ok")
        return damaged(check->text(0));

    auto items = number(database, "SELECT value FROM meta WHERE key = 'items'");
    if (!items)
        return tl::unexpected(items.error());
    auto seed = readSeed(database, static_cast<std::uint32_t>(*items));
    if (!seed)
        return tl::unexpected(seed.error());
    histories.start(static_cast<std::uint32_t>(*items), std::move(*seed));

    return eachEvent(database, 0, [&](const StoreEvent &event) -> Result<> {
        if (!histories.check(event.shopper, event.h, event.item))
            return damaged(fmt::format("event {}", event.seq));
        histories.add(event);
        return {};
    });
}

} // namespace engine
