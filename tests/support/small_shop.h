#pragma once
// A complete tiny synthetic shop in a temporary folder, without any training: its package is the
// popularity model.

#include "engine/data/earned.h"
#include "engine/data/shop_files.h"
#include "engine/data/split.h"
#include "engine/data/synthetic.h"
#include "engine/model/popularity.h"

#include <QTemporaryDir>

namespace test {

struct SmallShop
{
    QTemporaryDir folder;
    std::filesystem::path path = folder.path().toStdString();
    engine::Dataset data;
    std::vector<engine::TraceRow> trace;
    std::string digest;
    std::string trusted; ///< public key of the package's signature, hex

    /// A failure names itself in `error`; then nothing else may be used.
    std::string error;

    SmallShop()
    {
        const auto made = make();
        if (!made)
            error = made.error().text();
    }

    /// A package of `version` signed with the key in `keyFile`, in packages/VERSION.
    engine::Result<std::string> addPackage(const std::string &version, const char *keyFile)
    {
        const auto key = engine::SigningKey::loadOrCreate(path / keyFile);
        if (!key)
            return tl::unexpected(key.error());
        if (trusted.empty())
            trusted = engine::hex(key->publicKey());
        engine::Manifest manifest;
        manifest.version = version;
        const auto train = engine::splitByTime(data).train;
        return engine::writePopularityPackage(path / "packages" / version, train, manifest, *key);
    }

private:
    engine::Result<> make()
    {
        const auto recipe = engine::syntheticRecipe("tiny");
        if (!recipe)
            return tl::unexpected(recipe.error());
        data = engine::SyntheticShop(*recipe, 1).generate(1);
        const auto split = engine::splitByTime(data);
        trace = engine::makeTrace(split.test, 400, 1);
        engine::ShopInfo info;
        info.name = "small";
        info.source = "synthetic:tiny";
        info.synthetic = "tiny";
        info.items = data.items;
        info.shoppers = static_cast<std::uint32_t>(data.shoppers());
        info.traceRows = trace.size();
        DR_RETURN_IF_ERROR(engine::writeShopInfo(path, info));
        DR_RETURN_IF_ERROR(engine::writeDataset(path / "history.bin", data));
        DR_RETURN_IF_ERROR(engine::writeTrace(path / "trace.bin", trace));
        DR_RETURN_IF_ERROR(engine::writePopularity(path, engine::popularityOrder(split.train)));
        std::filesystem::create_directories(path / "packages");
        auto package = addPackage("1", "key");
        if (!package)
            return tl::unexpected(package.error());
        digest = *package;
        return {};
    }
};

} // namespace test
