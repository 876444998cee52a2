#pragma once
// The backups of a shop's store: list them, make one, restore. For drillctl and the console.

#include "engine/base/paths.h"
#include "engine/data/event_store.h"
#include "engine/store/backup_folder.h"
#include "engine/store/store_restore.h"

namespace app {

struct ShopBackups
{
    std::vector<engine::StoreBackup> backups; ///< newest first
    std::vector<engine::LogSegment> segments; ///< oldest first
};

/// NotFound when there is no such shop.
[[nodiscard]] engine::Result<ShopBackups> shopBackups(const engine::Paths &paths,
                                                      const std::string &shop);

/// Asks the running store; Unavailable when the shop is down.
[[nodiscard]] engine::Result<engine::EventStore::Backup> backUpShop(const engine::Paths &paths,
                                                                    const std::string &shop);

/// Busy while the shop runs. `point` as for parseRestorePoint.
[[nodiscard]] engine::Result<engine::RestoreReport>
restoreShop(const engine::Paths &paths, const std::string &shop, const std::string &point);

} // namespace app
