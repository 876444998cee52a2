#include "app/composition/backups.h"

#include "app/composition/shops.h"
#include "engine/agent/local_cluster.h"
#include "engine/proto/store.grpc.pb.h"

#include <fmt/format.h>
#include <grpcpp/create_channel.h>

namespace app {
namespace {

using namespace engine;

constexpr int kBackupSeconds = 600;

/// Where the store of this shop answers; empty: the shop is down.
Result<std::string> storeAddress(const Paths &paths, const std::string &shop)
{
    auto cluster = LocalCluster::open(paths, systemClock(),
                                      {.name = "drillctl shop", .readOnly = true, .spawn = false});
    if (!cluster && cluster.error().code == ErrorCode::Unavailable)
        return std::string();
    if (!cluster)
        return tl::unexpected(cluster.error());
    const auto status = (*cluster)->shopStatus();
    if (!status)
        return tl::unexpected(status.error());
    if (status->name == shop)
        for (const auto &process : status->processes)
            if (process.role == "store")
                return process.address;
    return std::string();
}

} // namespace

Result<ShopBackups> shopBackups(const Paths &paths, const std::string &shop)
{
    const auto folder = shopFolder(paths, shop);
    if (!folder)
        return tl::unexpected(folder.error());
    const BackupFolder backups(*folder / kStoreBackups);
    return ShopBackups{backups.backups(), backups.segments()};
}

Result<EventStore::Backup> backUpShop(const Paths &paths, const std::string &shop)
{
    const auto folder = shopFolder(paths, shop);
    if (!folder)
        return tl::unexpected(folder.error());
    const auto address = storeAddress(paths, shop);
    if (!address)
        return tl::unexpected(address.error());
    if (address->empty())
        return fail(ErrorCode::Unavailable,
                    fmt::format("The store of {0} does not run; start the shop with: drillctl shop "
                                "up {0}",
                                shop));
    grpc::ClientContext context;
    context.set_deadline(gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                                      gpr_time_from_seconds(kBackupSeconds, GPR_TIMESPAN)));
    drillroom::v1::BackupReply reply;
    const auto status = drillroom::v1::Store::NewStub(
                            grpc::CreateChannel(*address, grpc::InsecureChannelCredentials()))
                            ->Backup(&context, drillroom::v1::BackupRequest(), &reply);
    if (!status.ok())
        return fail(status.error_code() == grpc::StatusCode::NOT_FOUND ? ErrorCode::NotFound
                                                                       : ErrorCode::Unavailable,
                    "The store made no backup: " + status.error_message());
    return EventStore::Backup{reply.file(), reply.seq(), reply.bytes()};
}

Result<RestoreReport> restoreShop(const Paths &paths, const std::string &shop,
                                  const std::string &point)
{
    const auto folder = shopFolder(paths, shop);
    if (!folder)
        return tl::unexpected(folder.error());
    const auto parsed = parseRestorePoint(point);
    if (!parsed)
        return tl::unexpected(parsed.error());
    const auto address = storeAddress(paths, shop);
    if (!address)
        return tl::unexpected(address.error());
    if (!address->empty())
        return fail(
            ErrorCode::Busy,
            fmt::format("The shop {0} runs; stop it first with: drillctl shop down {0}", shop));
    return restoreStore(*folder / kStoreFile, *folder / kStoreBackups, *parsed, systemClock());
}

} // namespace app
