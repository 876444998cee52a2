#pragma once
// The store's file: its tables, how it starts from the shop's history, how it is read at a start.

#include "engine/store/histories.h"
#include "engine/store/sqlite.h"
#include "engine/store/sqlite_event_store.h"

namespace engine {

/// Opens or makes the file. A new one appears whole (the seed is one transaction): a kill in
/// between leaves an empty file that the next start fills.
[[nodiscard]] Result<sqlite::Database> openStoreFile(const std::filesystem::path &file,
                                                     const SqliteEventStore::SeedSource &seed);

/// Checks the integrity, then fills `histories` with everything that is durable.
[[nodiscard]] Result<> loadHistories(sqlite::Database &database, Histories &histories);

} // namespace engine
