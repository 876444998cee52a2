#pragma once
// The small shop put where an agent looks for it, ready to be brought up, its package signed with
// the home's key.

#include "engine/base/files.h"
#include "engine/data/golden.h"
#include "engine/data/oracle.h"
#include "engine/fault/bad_model.h"
#include "engine/model/registry.h"
#include "tests/support/small_shop.h"

#include <algorithm>

namespace test {

/// The same items, the least taken ones most often.
inline engine::Dataset worstFirst(engine::Dataset train)
{
    const auto order = engine::popularityOrder(train);
    train.events.clear();
    for (std::size_t rank = 0; rank < order.size(); ++rank)
        train.events.insert(train.events.end(), rank + 1, order[rank]);
    train.offsets.assign(train.shoppers() + 1, train.events.size());
    train.offsets[0] = 0;
    return train;
}

/// A golden set with what the package earns on it, and version 2, the same items worst first, as
/// the shop's bad model.
inline engine::Result<> addBadModel(SmallShop &shop, engine::Registry &registry)
{
    const auto split = engine::splitByTime(shop.data);
    const auto golden = engine::goldenFolder(shop.path);
    auto rows = engine::makeGolden(split, 256, 1);
    const auto recipe = engine::syntheticRecipe("tiny");
    if (!recipe)
        return tl::unexpected(recipe.error());
    (void)engine::oracleQuality(engine::SyntheticShop(*recipe, 1), shop.data, rows, 1);
    const auto info = engine::readShopInfo(shop.path);
    if (!info)
        return tl::unexpected(info.error());
    const auto earned = engine::Earned::open(shop.path, *info);
    if (!earned)
        return tl::unexpected(earned.error());
    const auto order = engine::popularityOrder(split.train);
    std::vector<float> expected;
    for (const auto &row : rows) {
        const auto known = shop.data.of(row.shopper).first(row.h);
        std::vector<std::int64_t> list;
        for (const auto item : order)
            if (list.size() < 10 && std::find(known.begin(), known.end(), item) == known.end())
                list.push_back(item);
        expected.push_back(static_cast<float>((*earned)->quality(row, list)));
    }
    std::filesystem::create_directories(golden);
    DR_RETURN_IF_ERROR(engine::writeTrace(golden / "trace.bin", rows));
    DR_RETURN_IF_ERROR(engine::writeExpected(golden, shop.digest, expected));
    const auto key = engine::SigningKey::loadOrCreate(shop.path / "key");
    if (!key)
        return tl::unexpected(key.error());
    engine::Manifest manifest;
    manifest.version = "2";
    const auto digest = engine::writePopularityPackage(shop.path / "packages/2",
                                                       worstFirst(split.train), manifest, *key);
    if (!digest)
        return tl::unexpected(digest.error());
    DR_RETURN_IF_ERROR(registry.add({"2", *digest, "popularity", false, false, {}}));
    return engine::noteBadModel(shop.path, "shuffled", "2");
}

/// Makes HOME/shops/small; an empty text when all went well.
inline std::string placeSmallShop(const std::filesystem::path &home)
{
    test::SmallShop shop;
    if (!shop.error.empty())
        return shop.error;
    auto registry = engine::Registry::open(shop.path);
    if (!registry || !registry->add({"1", shop.digest, "popularity", true, false, {}})
        || !registry->promote("1"))
        return "the registry cannot be written";
    if (const auto bad = addBadModel(shop, *registry); !bad)
        return bad.error().text();
    if (!engine::writeExpected(shop.path, shop.digest, std::vector<float>(shop.trace.size(), 0.5f)))
        return "the expected scores cannot be written";
    if (!engine::makePrivateFolder(home / "keys"))
        return "the key's folder cannot be made";
    std::filesystem::create_directories(home / "shops");
    std::filesystem::copy(shop.path, home / "shops/small",
                          std::filesystem::copy_options::recursive);
    std::filesystem::copy_file(shop.path / "key", home / "keys/signing.key");
    return {};
}

} // namespace test
