#include "app/replica/package_source.h"

#include "engine/base/paths.h"
#include "engine/data/shop_files.h"
#include "engine/model/package.h"
#include "engine/model/popularity.h"
#include "engine/model/registry.h"
#include "engine/scoring/open_scorer.h"

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

Result<PackagePolicy> policyOf(const NodeConfig &config)
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
    const auto data = readDataset(config.shop / "history.bin");
    if (!data)
        return tl::unexpected(data.error());
    policy.featureSchema = featureSchema(data->itemIds);
    const auto registry = Registry::open(config.shop);
    if (!registry)
        return tl::unexpected(registry.error());
    policy.versionFloor = registry->floor();
    return policy;
}

Result<std::filesystem::path> folderOf(const NodeConfig &config, const std::string &version)
{
    if (version.empty()) {
        const auto folder = config.textOption("package");
        if (!folder)
            return tl::unexpected(folder.error());
        return std::filesystem::path(*folder);
    }
    // Comes from any client on loopback: nothing but a number may become a path.
    if (version.size() > 9 || !std::all_of(version.begin(), version.end(), [](unsigned char c) {
            return c >= '0' && c <= '9';
        }))
        return fail(ErrorCode::InvalidInput, "A version is a number");
    return config.shop / "packages" / version;
}

} // namespace

ScorerSource packageSource(const NodeConfig &config)
{
    return [config](const std::string &version) -> Result<std::unique_ptr<Scorer>> {
        const auto folder = folderOf(config, version);
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

} // namespace app
