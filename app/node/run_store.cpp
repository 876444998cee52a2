#include "app/node/run_store.h"

#include "engine/data/shop_files.h"
#include "engine/serving/store_service.h"
#include "engine/store/sqlite_event_store.h"
#include "engine/store/store_seed.h"

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

} // namespace

int runStore(const NodeConfig &config)
{
    return serveStore(config, [&config]() -> Result<std::unique_ptr<EventStore>> {
        auto store = SqliteEventStore::open(config.shop / "store.db",
                                            [&config] { return seedOf(config.shop); });
        if (!store)
            return tl::unexpected(store.error());
        return std::unique_ptr<EventStore>(std::move(*store));
    });
}

} // namespace app
