#pragma once
// The small shop put where an agent looks for it, ready to be brought up, its package signed with
// the home's key.

#include "engine/base/files.h"
#include "engine/model/registry.h"
#include "tests/support/small_shop.h"

namespace test {

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
