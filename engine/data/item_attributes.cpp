#include "engine/data/item_attributes.h"

#include "engine/base/files.h"
#include "engine/model/strict_json.h"

#include <algorithm>
#include <unordered_map>

namespace engine {
namespace {

constexpr std::uint64_t kMostBytes = std::uint64_t{256} << 20;

} // namespace

Result<ItemAttributes> readItemAttributes(const std::filesystem::path &file,
                                          std::span<const std::string> itemIds)
{
    const auto bytes = readFile(file, kMostBytes);
    if (!bytes)
        return tl::unexpected(bytes.error());
    const auto json = parseStrictJson(*bytes, file.string());
    if (!json)
        return tl::unexpected(json.error());
    std::unordered_map<std::string, std::size_t> items;
    for (std::size_t i = 0; i < itemIds.size(); ++i)
        items.emplace(itemIds[i], i);
    ItemAttributes attributes;
    attributes.of.resize(itemIds.size());
    std::unordered_map<std::string, std::uint32_t> numbers;
    for (const auto &[id, list] : json->items()) {
        if (!list.is_array())
            return fail(ErrorCode::InvalidInput,
                        "The attributes of the item \"" + id
                            + "\" are no list; write \"item\": [attribute, ...]",
                        file.string());
        const auto at = items.find(id);
        if (at == items.end()) {
            ++attributes.unknownItems;
            continue;
        }
        auto &own = attributes.of[at->second];
        for (const auto &name : list) {
            if (!name.is_string() && !name.is_number_integer())
                return fail(ErrorCode::InvalidInput,
                            "An attribute of the item \"" + id
                                + "\" is neither text nor a whole number",
                            file.string());
            const auto number = static_cast<std::uint32_t>(numbers.size());
            own.push_back(numbers.emplace(name.dump(), number).first->second);
        }
        std::sort(own.begin(), own.end());
        own.erase(std::unique(own.begin(), own.end()), own.end());
    }
    attributes.count = static_cast<std::uint32_t>(numbers.size());
    attributes.bareItems = static_cast<std::uint64_t>(std::count_if(
        attributes.of.begin(), attributes.of.end(), [](const auto &own) { return own.empty(); }));
    return attributes;
}

} // namespace engine
