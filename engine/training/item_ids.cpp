#include "engine/training/item_ids.h"

#include "engine/data/field.h"

#include <algorithm>

namespace engine {
namespace {

bool isOneLine(std::string_view name)
{
    return name.find_first_of("\n\r\t") == std::string_view::npos;
}

} // namespace

Bytes itemsFile(std::span<const std::string> ids)
{
    Bytes bytes;
    for (const auto &id : ids) {
        const auto name = isOneLine(id) ? id : cleanText(id);
        bytes.insert(bytes.end(), name.begin(), name.end());
        bytes.push_back('\n');
    }
    return bytes;
}

Result<ItemIds> ItemIds::of(const Package &package, std::uint32_t items)
{
    const auto file = package.files.find(kItemsFile);
    if (file == package.files.end())
        return fail(ErrorCode::InvalidInput,
                    "The package carries no item ids (items.txt), so files cannot be answered with "
                    "it; train it with drillctl train");
    ItemIds ids;
    const std::string_view text(reinterpret_cast<const char *>(file->second.data()),
                                file->second.size());
    ids.m_names.reserve(items);
    for (std::size_t at = 0; at < text.size();) {
        const auto end = std::min(text.find('\n', at), text.size());
        ids.m_names.emplace_back(text.substr(at, end - at));
        at = end + 1;
    }
    if (ids.m_names.size() != items)
        return fail(ErrorCode::InvalidInput, "items.txt names " + std::to_string(ids.m_names.size())
                                                 + " items, but the model has "
                                                 + std::to_string(items));
    ids.m_numbers.reserve(items);
    for (std::size_t i = 0; i < ids.m_names.size(); ++i) {
        ids.m_numbers.emplace(ids.m_names[i], static_cast<std::int64_t>(i));
        ids.m_hasSpaces |= ids.m_names[i].find(' ') != std::string::npos;
    }
    return ids;
}

std::int64_t ItemIds::number(std::string_view name) const
{
    auto at = m_numbers.find(name);
    if (at == m_numbers.end() && !isOneLine(name))
        at = m_numbers.find(cleanText(name));
    return at == m_numbers.end() ? -1 : at->second;
}

} // namespace engine
