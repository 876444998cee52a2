#pragma once
// The model that needs no training: items by how many different shoppers took them. It is the
// gateway's last resort and the floor that every trained model must beat. Pure functions.

#include "engine/data/dataset.h"
#include "engine/model/package.h"

namespace engine {

/// Shoppers per item; a shopper's repeats count once, so that one bulk buyer does not rule the
/// list.
[[nodiscard]] std::vector<std::int64_t> popularityCounts(const Dataset &data);

/// All item numbers, most popular first, ties by lower number.
[[nodiscard]] std::vector<std::uint32_t> popularityOrder(std::span<const std::int64_t> counts);

/// SHA-256 over the item ids in their order, hex: two catalogues with the same number for the same
/// item have the same schema.
[[nodiscard]] std::string featureSchema(std::span<const std::string> itemIds);

/// A package of family `popularity`: tensor `counts` I64 [items]. Gives the digest.
[[nodiscard]] Result<std::string> writePopularityPackage(const std::filesystem::path &folder,
                                                         const Dataset &train, Manifest manifest,
                                                         const SigningKey &key);

} // namespace engine
