// The part of ConsoleOperations that is about the models of the shop.

#include "app/console/console_operations.h"
#include "engine/model/registry.h"

#include <algorithm>
#include <cstdlib>
#include <set>

namespace console {

namespace {

constexpr const char *kOperator = "operator";

int number(const std::string &version)
{
    return std::atoi(version.c_str());
}

std::string stateOf(const engine::Registry &registry, const engine::RegistryEntry &entry,
                    const std::set<std::string> &served)
{
    if (entry.version == registry.serving())
        return "serving";
    if (entry.revoked)
        return "revoked";
    if (served.contains(entry.digest))
        return "canary";
    if (!entry.gatePassed)
        return "held";
    return entry.version == registry.previous()
                   || number(entry.version) < number(registry.serving())
               ? "retired"
               : "signed";
}

} // namespace

engine::Result<std::vector<engine::ModelSummary>> ConsoleOperations::models()
{
    const auto folder = m_paths.shops() / m_keeper.shop();
    std::error_code error;
    if (!std::filesystem::exists(folder, error))
        return std::vector<engine::ModelSummary>{};
    const auto registry = engine::Registry::open(folder);
    DR_RETURN_IF_ERROR(registry);
    std::set<std::string> served;
    if (const auto shop = m_keeper.status())
        for (const auto &process : shop->processes)
            if (process.role == "replica" && process.state == "serving")
                served.insert(process.digest);
    std::vector<engine::ModelSummary> models;
    for (const auto &entry : registry->versions()) {
        engine::ModelSummary model;
        model.state = stateOf(*registry, entry, served);
        model.version = entry.version;
        model.digest = entry.digest;
        model.family = entry.family;
        model.isReference = entry.version == registry->reference();
        model.isPrevious = entry.version == registry->previous();
        model.metrics = entry.metrics;
        models.push_back(std::move(model));
    }
    std::sort(models.begin(), models.end(),
              [](const auto &a, const auto &b) { return number(a.version) > number(b.version); });
    return models;
}

void ConsoleOperations::retrain(Reply<void> done)
{
    onCluster(std::move(done), [](engine::LocalCluster &cluster) {
        return cluster.act("retrain", "shop", kOperator);
    });
}

void ConsoleOperations::promoteModel(const std::string &version, Reply<void> done)
{
    m_worker.post([this, version, done = std::move(done)] {
        const auto shop = m_keeper.status();
        const auto cluster = m_keeper.current();
        if (cluster && shop && shop->state == "up")
            return answer(done, cluster->act("promote", version, kOperator));
        // Nobody serves: the registry alone, for the next start.
        auto registry = engine::Registry::open(m_paths.shops() / m_keeper.shop());
        answer(done, registry ? registry->promote(version) : tl::unexpected(registry.error()));
    });
}

void ConsoleOperations::rollBackModel(const std::string &version, Reply<void> done)
{
    promoteModel(version, std::move(done));
}

} // namespace console
