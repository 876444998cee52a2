#pragma once
// items.txt of a package: the outside names of the items, one a line, in the order of the item
// numbers. Names with line breaks or tabs are written with spaces instead. Values.

#include "engine/model/package.h"

#include <string_view>
#include <unordered_map>

namespace engine {

inline constexpr const char *kItemsFile = "items.txt";

[[nodiscard]] Bytes itemsFile(std::span<const std::string> ids);

class ItemIds
{
public:
    /// InvalidInput when the package carries none, or not one for each of `items`.
    [[nodiscard]] static Result<ItemIds> of(const Package &package, std::uint32_t items);

    [[nodiscard]] const std::string &name(std::size_t item) const { return m_names[item]; }
    /// -1 = unknown.
    [[nodiscard]] std::int64_t number(std::string_view name) const;
    [[nodiscard]] std::size_t size() const { return m_names.size(); }
    /// Some name holds a space, so a line of names must be parted by tabs.
    [[nodiscard]] bool hasSpaces() const { return m_hasSpaces; }

private:
    struct Hash
    {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const
        {
            return std::hash<std::string_view>{}(text);
        }
    };
    std::vector<std::string> m_names;
    std::unordered_map<std::string, std::int64_t, Hash, std::equal_to<>> m_numbers;
    bool m_hasSpaces = false;
};

} // namespace engine
