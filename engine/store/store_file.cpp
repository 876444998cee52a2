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
    " item INTEGER NOT NULL, UNIQUE(shopper, h));";

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

Result<> fillFrom(sqlite::Database &database, const StoreSeed &seed)
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
    auto meta = database.prepare("INSERT INTO meta VALUES('items', ?1)");
    if (!meta)
        return tl::unexpected(meta.error());
    meta->bind(1, std::uint64_t{seed.items});
    DR_RETURN_IF_ERROR(meta->run());
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
                                       const SqliteEventStore::SeedSource &seed)
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
    if (*id == kApplicationId)
        return database;
    if (*tables != 0)
        return fail(ErrorCode::InvalidInput,
                    "This is not a store's database; move it away and start the shop anew",
                    file.string());
    auto start = seed();
    if (!start)
        return tl::unexpected(start.error());
    DR_RETURN_IF_ERROR(fillFrom(*database, *start));
    return database;
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

    auto rows = database.prepare("SELECT seq, shopper, h, item FROM events ORDER BY seq");
    if (!rows)
        return tl::unexpected(rows.error());
    while (true) {
        auto row = rows->step();
        if (!row)
            return tl::unexpected(row.error());
        if (!*row)
            return {};
        const auto shopper = static_cast<std::uint32_t>(rows->number(1));
        const auto h = static_cast<std::uint32_t>(rows->number(2));
        const auto item = static_cast<std::uint32_t>(rows->number(3));
        if (!histories.check(shopper, h, item))
            return damaged(fmt::format("event {}", rows->number(0)));
        histories.add(shopper, h, item, rows->number(0));
    }
}

} // namespace engine
