#pragma once
// What the items of a shop cost: prices.bin in its folder, one float per item, 0 for an item whose
// price nobody knows. Revenue is a proxy: what a shopper takes next costs so much.

#include "engine/data/importer.h"

#include <filesystem>
#include <vector>

namespace engine {

/// The median of each item's prices above 0 in the file that `data` was imported from, by the
/// column of the role `price`. Empty when there is no such column, or the format has none. Reads
/// the file once more.
[[nodiscard]] Result<std::vector<float>>
importPrices(const std::filesystem::path &file, const ImportOptions &options, const Dataset &data);

/// Nothing is written when no price is known.
[[nodiscard]] Result<> writePrices(const std::filesystem::path &folder,
                                   std::span<const float> prices);
/// Empty when the shop knows none; hostile files give an error with the byte.
[[nodiscard]] Result<std::vector<float>> readPrices(const std::filesystem::path &folder);

} // namespace engine
