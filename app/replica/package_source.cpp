#include "app/replica/package_source.h"

#include "engine/base/paths.h"
#include "engine/data/application_files.h"
#include "engine/data/shop_files.h"
#include "engine/model/package.h"
#include "engine/model/popularity.h"
#include "engine/model/registry.h"
#include "engine/scoring/demand_forecaster.h"
#include "engine/scoring/open_scorer.h"
#include "engine/scoring/search_ranker.h"
#include "engine/serving/ads_model.h"
#include "engine/serving/inventory_model.h"
#include "engine/serving/recommend_model.h"
#include "engine/serving/search_model.h"

#include <algorithm>

namespace app {
namespace {

using namespace engine;

Result<SigningKey::Public> trustedKey(const NodeConfig &config)
{
    if (!config.options.contains("trusted")) {
        const auto key = SigningKey::loadOrCreate(Paths::fromEnvironment().signingKey());
        if (!key)
            return tl::unexpected(key.error());
        return key->publicKey();
    }
    const auto text = config.textOption("trusted");
    if (!text)
        return tl::unexpected(text.error());
    SigningKey::Public key{};
    const auto bytes = unhex(*text);
    if (!bytes || bytes->size() != key.size())
        return fail(ErrorCode::InvalidInput,
                    "The node config's \"trusted\" must be a public key of 64 hex digits");
    std::copy(bytes->begin(), bytes->end(), key.begin());
    return key;
}

/// Who must have signed, and whether that is checked at all.
Result<PackagePolicy> trustOf(const NodeConfig &config)
{
    PackagePolicy policy;
    const auto unsafe = config.flagOption("unsafe", false);
    if (!unsafe)
        return tl::unexpected(unsafe.error());
    if (*unsafe) {
        const auto info = readShopInfo(config.shop);
        if (!info)
            return tl::unexpected(info.error());
        if (info->synthetic.empty())
            return fail(ErrorCode::Untrusted, "Unsafe packages are taken on synthetic shops only; "
                                              "start the shop without --unsafe");
        policy.unsafe = true;
    }
    const auto key = trustedKey(config);
    if (!key)
        return tl::unexpected(key.error());
    policy.trusted = *key;
    return policy;
}

Result<PackagePolicy> policyOf(const NodeConfig &config)
{
    auto policy = trustOf(config);
    if (!policy)
        return policy;
    const auto data = readDataset(config.shop / "history.bin");
    if (!data)
        return tl::unexpected(data.error());
    policy->featureSchema = featureSchema(data->itemIds);
    const auto registry = Registry::open(config.shop);
    if (!registry)
        return tl::unexpected(registry.error());
    policy->versionFloor = registry->floor();
    return policy;
}

Result<PackagePolicy> policyOf(const NodeConfig &config, const std::string &application)
{
    auto policy = trustOf(config);
    if (!policy)
        return policy;
    const auto info = readApplicationInfo(config.shop, application);
    if (!info)
        return tl::unexpected(info.error());
    const auto registry = Registry::open(applicationFolder(config.shop, application));
    if (!registry)
        return tl::unexpected(registry.error());
    policy->featureSchema = info->featureSchema;
    policy->versionFloor = registry->floor();
    return policy;
}

/// `first`: what it was started with; `home`: where the versions are.
Result<std::filesystem::path> folderOf(const std::filesystem::path &first,
                                       const std::filesystem::path &home,
                                       const std::string &version)
{
    if (version.empty())
        return first;
    // Comes from any client on loopback: nothing but a number may become a path.
    if (version.size() > 9 || !std::all_of(version.begin(), version.end(), [](unsigned char c) {
            return c >= '0' && c <= '9';
        }))
        return fail(ErrorCode::InvalidInput, "A version is a number");
    return home / "packages" / version;
}

template <class Model, class Make>
Result<std::unique_ptr<ServedModel>> served(Result<std::unique_ptr<Model>> opened, const Make &make)
{
    if (!opened)
        return tl::unexpected(opened.error());
    return make(std::move(*opened));
}

/// By the family of the package, whatever it is asked to serve: the replica refuses what is another
/// application's.
Result<std::unique_ptr<ServedModel>> openServed(const Package &package)
{
    const auto &family = package.manifest.family;
    if (family == "search")
        return served(SearchRanker::open(package), searchModel);
    if (family == "ctr")
        return served(openRowScorer(package), adsModel);
    if (family == "demand")
        return served(DemandForecaster::open(package), inventoryModel);
    return served(openScorer(package),
                  [](std::unique_ptr<Scorer> scorer) { return recommendModel(std::move(scorer)); });
}

} // namespace

ScorerSource packageSource(const NodeConfig &config)
{
    return [config](const std::string &version) -> Result<std::unique_ptr<Scorer>> {
        const auto first = config.textOption("package");
        if (!first)
            return tl::unexpected(first.error());
        const auto folder = folderOf(*first, config.shop, version);
        if (!folder)
            return tl::unexpected(folder.error());
        const auto policy = policyOf(config);
        if (!policy)
            return tl::unexpected(policy.error());
        const auto package = readPackage(*folder, *policy);
        if (!package)
            return tl::unexpected(package.error());
        return openScorer(*package);
    };
}

Result<std::vector<ServedApplication>> servedApplications(const NodeConfig &config)
{
    std::vector<ServedApplication> out;
    const auto listed = config.options.find("applications");
    if (listed == config.options.end())
        return out;
    for (const auto &each : *listed) {
        const auto text = [&](const char *key) {
            return each.is_object() && each.contains(key) && each.at(key).is_string()
                       ? each.at(key).get<std::string>()
                       : std::string();
        };
        const auto name = text("name"), first = text("package");
        if (!knownApplication(name) || first.empty())
            return fail(ErrorCode::InvalidInput,
                        "The node config's \"applications\" must be a list of name (search, ads, "
                        "inventory) and package");
        out.push_back({name,
                       [config, name,
                        first](const std::string &version) -> Result<std::unique_ptr<ServedModel>> {
                           const auto folder =
                               folderOf(first, applicationFolder(config.shop, name), version);
                           if (!folder)
                               return tl::unexpected(folder.error());
                           const auto policy = policyOf(config, name);
                           if (!policy)
                               return tl::unexpected(policy.error());
                           const auto package = readPackage(*folder, *policy);
                           if (!package)
                               return tl::unexpected(package.error());
                           return openServed(*package);
                       }});
    }
    return out;
}

} // namespace app
