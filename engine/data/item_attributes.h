#pragma once
// What is known of the items beside who took them: category, brand and the like, as numbers from 0.
// File: one JSON object, item id -> list of attribute names (text or whole numbers). Values.

#include "engine/base/error.h"

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace engine {

struct ItemAttributes
{
    std::vector<std::vector<std::uint32_t>> of; ///< by item number; each attribute once
    std::uint32_t count = 0;                    ///< different attributes
    std::uint64_t unknownItems = 0;             ///< of the file, not among `itemIds`
    std::uint64_t bareItems = 0;                ///< of `itemIds`, without attributes
};

/// InvalidInput with file:byte for what is no such object. At most 256 MB.
[[nodiscard]] Result<ItemAttributes> readItemAttributes(const std::filesystem::path &file,
                                                        std::span<const std::string> itemIds);

} // namespace engine
