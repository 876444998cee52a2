#include "engine/store/sqlite_event_store.h"

#include "engine/store/store_file.h"
#include "engine/store/store_writer.h"

#include <fmt/format.h>

namespace engine {
namespace {

/// With a backup at hand a store never begins anew by itself: whoever lost the file wants its
/// events back.
Result<> mayBeginAnew(const StoreOptions &options)
{
    if (options.backups.empty())
        return {};
    const auto backups = BackupFolder(options.backups).backups();
    if (backups.empty())
        return {};
    return fail(ErrorCode::InvalidInput,
                fmt::format("The store's database is gone, and there is a backup up to event {}; "
                            "restore it with: drillctl shop restore NAME. To begin anew from the "
                            "shop's history, move away {}",
                            backups.front().seq, options.backups.string()));
}

} // namespace

Result<std::unique_ptr<SqliteEventStore>> SqliteEventStore::open(const std::filesystem::path &file,
                                                                 const SeedSource &seed,
                                                                 const StoreOptions &options,
                                                                 const Clock &clock)
{
    const auto inFile = [&file](Error error) {
        if (error.place.empty())
            error.place = file.string();
        return tl::unexpected(std::move(error));
    };
    std::error_code error;
    if (!std::filesystem::exists(file, error))
        if (const auto may = mayBeginAnew(options); !may)
            return inFile(may.error());
    const auto begin = [&]() -> Result<StoreSeed> { // also for a file that was emptied
        DR_RETURN_IF_ERROR(mayBeginAnew(options));
        return seed();
    };
    const auto newest = options.backups.empty() ? options.olderTimeline
                                                : BackupFolder(options.backups).newestTimeline();
    auto database = openStoreFile(file, begin, newest + 1);
    if (!database)
        return inFile(database.error());
    if (!options.backups.empty()) {
        const auto own = timelineOf(*database);
        if (!own)
            return inFile(own.error());
        if (*own < newest)
            return inFile({ErrorCode::InvalidInput,
                           fmt::format("This database is older than the last restore (timeline {} "
                                       "of {}); restore the newest backup with: drillctl shop "
                                       "restore NAME",
                                       *own, newest),
                           {}});
    }
    auto writer = std::make_unique<StoreWriter>(file, std::move(*database), options, clock);
    if (auto started = writer->start(); !started)
        return inFile(started.error());
    return std::unique_ptr<SqliteEventStore>(new SqliteEventStore(std::move(writer)));
}

SqliteEventStore::SqliteEventStore(std::unique_ptr<StoreWriter> writer)
    : m_writer(std::move(writer))
{
}

SqliteEventStore::~SqliteEventStore() = default;

Result<EventStore::History> SqliteEventStore::history(std::uint32_t shopper, std::uint32_t h) const
{
    if (m_writer->isMoved())
        return m_writer->movedAway();
    return m_writer->histories().read(shopper, h);
}

Result<EventStore::Features> SqliteEventStore::features(std::uint32_t shopper,
                                                        std::uint32_t recent) const
{
    if (m_writer->isMoved())
        return m_writer->movedAway();
    return m_writer->histories().features(shopper, recent);
}

void SqliteEventStore::append(std::uint32_t shopper, std::uint32_t h, std::uint32_t item, Done done)
{
    m_writer->append(shopper, h, item, std::move(done));
}

void SqliteEventStore::backUp(BackedUp done)
{
    m_writer->backUp(std::move(done));
}

EventStore::Stats SqliteEventStore::stats() const
{
    return m_writer->stats();
}

} // namespace engine
