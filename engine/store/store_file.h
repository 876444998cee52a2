#pragma once
// The store's file: its tables, how it starts from the shop's history, how it is read at a start.

#include "engine/store/histories.h"
#include "engine/store/sqlite.h"
#include "engine/store/sqlite_event_store.h"

namespace engine {

/// Opens or makes the file. A new one appears whole (the seed is one transaction): a kill in
/// between leaves an empty file that the next start fills. `timeline`: of a new one. The seed may
/// be empty: then there must be a file.
[[nodiscard]] Result<sqlite::Database> openStoreFile(const std::filesystem::path &file,
                                                     const SqliteEventStore::SeedSource &seed,
                                                     std::uint32_t timeline);

[[nodiscard]] Result<std::uint32_t> timelineOf(sqlite::Database &database);
[[nodiscard]] Result<> setTimeline(sqlite::Database &database, std::uint32_t timeline);

inline constexpr const char *kInsertEvent = "INSERT INTO events VALUES(?1, ?2, ?3, ?4, ?5)";
/// Runs kInsertEvent.
[[nodiscard]] Result<> insertEvent(sqlite::Statement &insert, const StoreEvent &event);
/// Events after `seq`, in order.
[[nodiscard]] Result<> eachEvent(sqlite::Database &database, std::uint64_t seq,
                                 const std::function<Result<>(const StoreEvent &)> &take);

/// The number of the newest event, with those the store started from.
[[nodiscard]] Result<std::uint64_t> newestSeq(sqlite::Database &database);

/// Checks the integrity, then fills `histories` with everything that is durable.
[[nodiscard]] Result<> loadHistories(sqlite::Database &database, Histories &histories);

} // namespace engine
