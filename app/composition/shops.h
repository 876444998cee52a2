#pragma once
// Shops on disk: made whole or not at all, listed, deleted. Training runs in a child of low
// priority (drillroom-train).

#include "engine/base/clock.h"
#include "engine/base/paths.h"
#include "engine/data/importer.h"
#include "engine/data/shop_files.h"

#include <functional>
#include <stop_token>

namespace app {

struct ShopOrder
{
    std::string name;
    std::string from; ///< synthetic[:tiny|demo|large], or a file
    engine::ImportFormat format = engine::ImportFormat::Csv;
    engine::Columns columns;
    std::uint64_t seed = 1;
    engine::Micros timeLimit = std::chrono::minutes(30);
    std::vector<std::string> applications{"recommend"}; ///< recommend, and others beside it
};

/// One sentence of progress; `part` in 0..1, or below 0 when unknown. Called on the calling thread.
using BuildProgress = std::function<void(const std::string &what, double part)>;

/// Imports or generates, trains, evaluates, signs, computes expected scores. Takes seconds to
/// minutes: off the GUI thread. Builds in a hidden folder and renames at the end; stop leaves
/// nothing behind.
[[nodiscard]] engine::Result<engine::ShopInfo> createShop(const engine::Paths &paths,
                                                          const ShopOrder &order,
                                                          const BuildProgress &progress,
                                                          std::stop_token stop = {});

struct ShopEntry
{
    engine::ShopInfo info;
    std::string error; ///< when shop.json cannot be read
};
[[nodiscard]] std::vector<ShopEntry> listShops(const engine::Paths &paths);

/// The folder of a shop that is there; NotFound names the ones there are.
[[nodiscard]] engine::Result<std::filesystem::path> shopFolder(const engine::Paths &paths,
                                                               const std::string &name);
[[nodiscard]] engine::Result<> deleteShop(const engine::Paths &paths, const std::string &name);

} // namespace app
