#pragma once
// The model that needs no training: items by how many different shoppers took them. It is the
// gateway's last resort and the floor that every trained model must beat. Pure functions.

#include "engine/data/dataset.h"
#include "engine/model/package.h"

namespace engine {

/// Events per item, the same count that popularityOrder (engine/data/split.h) sorts by.
[[nodiscard]] std::vector<std::int64_t> popularityCounts(const Dataset &data);

/// SHA-256 over the item ids in their order, hex: two catalogues with the same number for the same
/// item have the same schema.
[[nodiscard]] std::string featureSchema(std::span<const std::string> itemIds);

/// A package of family `popularity`: tensor `counts` I64 [items]. Gives the digest.
[[nodiscard]] Result<std::string> writePopularityPackage(const std::filesystem::path &folder,
                                                         const Dataset &train, Manifest manifest,
                                                         const SigningKey &key);

} // namespace engine
