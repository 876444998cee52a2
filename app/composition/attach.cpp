#include "app/composition/attach.h"

#include "app/composition/shops.h"
#include "engine/agent/attached.h"
#include "engine/agent/local_cluster.h"

#include <fmt/format.h>

namespace app {

using namespace engine;

namespace {

Result<> mustBeDown(LocalCluster &cluster)
{
    const auto running = cluster.shopStatus();
    DR_RETURN_IF_ERROR(running);
    if (running->state != "down")
        return fail(
            ErrorCode::Busy,
            fmt::format("The shop {0} runs; end it first: drillctl shop down {0}", running->name));
    return {};
}

} // namespace

Result<ShopStatus> attachShop(const Paths &paths, const AttachOrder &order)
{
    const auto folder = shopFolder(paths, order.shop);
    DR_RETURN_IF_ERROR(folder);
    const auto attached = inquire(order.replicas, order.standby, order.model);
    DR_RETURN_IF_ERROR(attached);
    auto cluster = LocalCluster::open(paths, systemClock(), {.name = "drillctl shop attach"});
    if (!cluster)
        return tl::unexpected(cluster.error());
    DR_RETURN_IF_ERROR(mustBeDown(**cluster));
    const auto before = readAttached(*folder);
    DR_RETURN_IF_ERROR(writeAttached(*folder, *attached));
    auto up = (*cluster)->shopUp({.name = order.shop,
                                  .replicas = static_cast<int>(order.replicas.size()),
                                  .standby = !order.standby.empty(),
                                  .stays = true});
    if (up)
        return up;
    if (before && *before)
        (void)writeAttached(*folder, **before);
    else
        (void)removeAttached(*folder);
    return up;
}

Result<> releaseShop(const Paths &paths, const std::string &shop)
{
    const auto folder = shopFolder(paths, shop);
    DR_RETURN_IF_ERROR(folder);
    auto cluster =
        LocalCluster::open(paths, systemClock(), {.name = "drillctl shop attach", .spawn = false});
    if (cluster)
        DR_RETURN_IF_ERROR(mustBeDown(**cluster));
    return removeAttached(*folder);
}

Result<std::vector<std::string>> attachedTargets(const Paths &paths, const std::string &shop)
{
    const auto folder = shopFolder(paths, shop);
    DR_RETURN_IF_ERROR(folder);
    const auto attached = readAttached(*folder);
    DR_RETURN_IF_ERROR(attached);
    std::vector<std::string> out;
    if (!*attached)
        return out;
    for (std::size_t i = 1; i <= (*attached)->replicas.size(); ++i)
        out.push_back(fmt::format("replica/{}", i));
    for (std::size_t i = 1; i <= (*attached)->standby.size(); ++i)
        out.push_back(fmt::format("standby/{}", i));
    return out;
}

} // namespace app
