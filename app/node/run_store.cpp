#include "app/node/run_store.h"

#include "engine/data/shop_files.h"
#include "engine/serving/store_service.h"
#include "engine/store/sqlite_event_store.h"
#include "engine/store/store_restore.h"
#include "engine/store/store_seed.h"

#include <cstdio>

namespace app {
namespace {

using namespace engine;

Result<StoreSeed> seedOf(const std::filesystem::path &shop)
{
    const auto data = readDataset(shop / "history.bin");
    if (!data)
        return tl::unexpected(data.error());
    const auto trace = readTrace(shop / "trace.bin");
    if (!trace)
        return tl::unexpected(trace.error());
    return storeSeed(*data, *trace);
}

/// The options "backup" (off: none are made), "backups" (their folder), "backup_every_s",
/// "log_ship_ms" (0: before an event is acknowledged), "backups_kept" and "disk_cap_mb".
Result<StoreOptions> optionsOf(const NodeConfig &config)
{
    StoreOptions options;
    const auto isOn = config.flagOption("backup", true);
    const auto every = config.numberOption("backup_every_s", 3600, 1, 7 * 86'400);
    const auto ship = config.numberOption("log_ship_ms", 0, 0, 3'600'000);
    const auto kept = config.numberOption("backups_kept", 24, 1, 10'000);
    const auto cap = config.numberOption("disk_cap_mb", 2048, 1, 1 << 24);
    DR_RETURN_IF_ERROR(isOn);
    DR_RETURN_IF_ERROR(every);
    DR_RETURN_IF_ERROR(ship);
    DR_RETURN_IF_ERROR(kept);
    DR_RETURN_IF_ERROR(cap);
    options.backupEvery = Micros{*every * 1'000'000};
    options.shipEvery = Micros{*ship * 1'000};
    options.backupsKept = static_cast<std::size_t>(*kept);
    options.diskCap = static_cast<std::uint64_t>(*cap) << 20;
    if (!*isOn) {
        options.olderTimeline = BackupFolder(config.shop / kStoreBackups).newestTimeline();
        return options;
    }
    options.backups = config.shop / kStoreBackups;
    if (config.options.contains("backups")) {
        const auto folder = config.textOption("backups");
        DR_RETURN_IF_ERROR(folder);
        options.backups = *folder;
    }
    return options;
}

Result<OpenedStore> openStore(const NodeConfig &config, const std::string &restoreTo)
{
    const auto options = optionsOf(config);
    if (!options)
        return tl::unexpected(options.error());
    const auto file = config.shop / kStoreFile;
    OpenedStore opened;
    if (!restoreTo.empty()) {
        const auto point = parseRestorePoint(restoreTo);
        if (!point)
            return tl::unexpected(point.error());
        const auto report = restoreStore(file, options->backups, *point, systemClock());
        if (!report)
            return tl::unexpected(report.error());
        opened.restored = describe(*report);
    }
    auto store = SqliteEventStore::open(
        file, [&config] { return seedOf(config.shop); }, *options);
    if (!store)
        return tl::unexpected(store.error());
    opened.store = std::move(*store);
    return opened;
}

} // namespace

int runStore(const NodeConfig &config, const std::string &restoreTo)
{
    return serveStore(config, [&] { return openStore(config, restoreTo); });
}

} // namespace app
