#include "app/composition/shop_models.h"

#include "app/composition/shops.h"
#include "engine/agent/local_cluster.h"
#include "engine/agent/shop_plan.h"
#include "engine/base/files.h"
#include "engine/data/application_files.h"
#include "engine/serving/canary_file.h"

#include <algorithm>
#include <set>

namespace app {
namespace {

constexpr const char *kRecommend = "recommend";

/// Versions that the gateway gives to some of the shoppers at this moment.
std::set<std::string> canaries(const engine::Paths &paths, const engine::ShopStatus &running)
{
    const auto file = engine::endpointsFile(paths);
    const auto text = engine::readFile(file, 1 << 20);
    if (!text)
        return {};
    const auto given = engine::parseCanary(
        {reinterpret_cast<const char *>(text->data()), text->size()}, file.string());
    if (!given || given->share <= 0)
        return {};
    std::set<std::string> versions;
    for (const auto &process : running.processes)
        if (std::find(given->targets.begin(), given->targets.end(), process.name)
            != given->targets.end())
            versions.insert(process.version);
    return versions;
}

} // namespace

engine::Result<std::filesystem::path>
modelFolder(const engine::Paths &paths, const std::string &shop, const std::string &application)
{
    const auto folder = shopFolder(paths, shop);
    if (!folder || application == kRecommend)
        return folder;
    const auto all = engine::readApplications(*folder);
    if (!all)
        return tl::unexpected(all.error());
    std::string names(kRecommend);
    for (const auto &one : *all) {
        if (one.name == application)
            return engine::applicationFolder(*folder, application);
        names += ", " + one.name;
    }
    return engine::fail(engine::ErrorCode::NotFound, "The shop " + shop + " has no application '"
                                                         + application + "'; it has " + names);
}

engine::Result<engine::ShopModels> shopModels(const engine::Paths &paths, const std::string &shop,
                                              const engine::ShopStatus *running,
                                              const std::string &application)
{
    const auto folder = modelFolder(paths, shop, application);
    if (!folder)
        return tl::unexpected(folder.error());
    const auto registry = engine::Registry::open(*folder);
    if (!registry)
        return tl::unexpected(registry.error());
    const auto key = engine::SigningKey::loadOrCreate(paths.signingKey());
    if (!key)
        return tl::unexpected(key.error());
    const bool isRunning =
        application == kRecommend && running && running->name == shop && running->state == "up";
    const auto shown = isRunning ? canaries(paths, *running) : std::set<std::string>{};
    engine::ShopModels result;
    result.shop = shop;
    result.serving = registry->serving();
    result.floor = registry->floor();
    for (const auto &entry : registry->versions()) {
        engine::ShopModel model;
        model.entry = entry;
        model.isSigned =
            engine::isSignedBy(registry->packageFolder(entry.version), key->publicKey());
        model.state =
            engine::stateOf(*registry, entry, model.isSigned, shown.contains(entry.version));
        model.isReference = entry.version == registry->reference();
        model.isPrevious = entry.version == registry->previous();
        result.models.push_back(std::move(model));
    }
    std::reverse(result.models.begin(), result.models.end());
    return result;
}

std::optional<engine::ShopStatus> runningShop(const engine::Paths &paths)
{
    const auto cluster = engine::LocalCluster::open(
        paths, engine::systemClock(), {.name = "model list", .readOnly = true, .spawn = false});
    if (!cluster)
        return std::nullopt;
    auto status = (*cluster)->shopStatus();
    if (!status || status->name.empty())
        return std::nullopt;
    return *status;
}

} // namespace app
