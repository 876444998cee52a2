#include "engine/drill/tree.h"

#include <algorithm>
#include <fmt/format.h>

namespace engine {
namespace {

/// Length of the UTF-8 sequence at `at`, 0 when it is not one (overlong forms and surrogates too).
std::size_t sequence(std::string_view text, std::size_t at)
{
    const auto byte = [&](std::size_t i) {
        return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0u;
    };
    const auto follows = [&](std::size_t i) { return (byte(i) & 0xC0u) == 0x80u; };
    const unsigned first = byte(0);
    if (first < 0x80)
        return 1;
    if (first >= 0xC2 && first < 0xE0)
        return follows(1) ? 2 : 0;
    if (first >= 0xE0 && first < 0xF0) {
        const bool overlong = first == 0xE0 && byte(1) < 0xA0;
        const bool surrogate = first == 0xED && byte(1) >= 0xA0;
        return follows(1) && follows(2) && !overlong && !surrogate ? 3 : 0;
    }
    if (first >= 0xF0 && first < 0xF5) {
        const bool overlong = first == 0xF0 && byte(1) < 0x90;
        const bool beyond = first == 0xF4 && byte(1) >= 0x90;
        return follows(1) && follows(2) && follows(3) && !overlong && !beyond ? 4 : 0;
    }
    return 0;
}

} // namespace

const Node *Node::find(std::string_view key) const
{
    const auto it = std::find_if(members.begin(), members.end(),
                                 [key](const Member &member) { return member.key == key; });
    return it == members.end() ? nullptr : &it->value;
}

std::string placeText(std::string_view file, SourcePlace place)
{
    if (place.line == 0)
        return std::string(file);
    return fmt::format("{}:{}:{}", file, place.line, place.column);
}

Result<std::string_view> checkText(std::string_view text, std::string_view file)
{
    if (text.size() > kMostText)
        return fail(ErrorCode::InvalidInput,
                    fmt::format("The file has {} bytes; a drill has 4 MB at most. Is it a drill?",
                                text.size()),
                    std::string(file));
    if (text.starts_with("\xFE\xFF") || text.starts_with("\xFF\xFE"))
        return fail(ErrorCode::InvalidInput,
                    "The file is in UTF-16 or UTF-32; drills are UTF-8. Save it as UTF-8.",
                    placeText(file, {1, 1}));
    if (text.starts_with("\xEF\xBB\xBF"))
        text.remove_prefix(3);
    SourcePlace place{1, 1};
    bool isBlank = true;
    for (std::size_t i = 0; i < text.size();) {
        const char c = text[i];
        if (c == '\0')
            return fail(ErrorCode::InvalidInput,
                        "A NUL byte; drills are plain text. Remove it, or save the file again.",
                        placeText(file, place));
        const auto length = sequence(text, i);
        if (length == 0)
            return fail(ErrorCode::InvalidInput,
                        fmt::format("Byte 0x{:02X} is not UTF-8; drills are UTF-8. Save the file "
                                    "as UTF-8.",
                                    static_cast<unsigned char>(c)),
                        placeText(file, place));
        isBlank = isBlank && (c == ' ' || c == '\t' || c == '\n' || c == '\r');
        if (c == '\n')
            place = {place.line + 1, 1};
        else
            ++place.column;
        i += length;
    }
    if (isBlank)
        return fail(ErrorCode::InvalidInput,
                    "The file is empty. A drill starts with `drillroom: 1` and a `title:`; "
                    "`drillctl drill new` writes one to start from.",
                    placeText(file, {1, 1}));
    return text;
}

bool TreeBuilder::refuse(std::string what, SourcePlace place)
{
    problem = std::move(what);
    where = place;
    return false;
}

bool TreeBuilder::wantsKey() const
{
    return !m_open.empty() && m_open.back().node.kind == Node::Kind::Map && !m_open.back().hasKey;
}

bool TreeBuilder::add(Node node)
{
    if (m_open.empty()) {
        m_root = std::move(node);
        return true;
    }
    auto &top = m_open.back();
    if (top.node.kind == Node::Kind::List) {
        top.node.items.push_back(std::move(node));
        return true;
    }
    top.node.members.push_back({std::move(top.key), top.keyPlace, std::move(node)});
    top.hasKey = false;
    return true;
}

bool TreeBuilder::scalar(std::string text, SourcePlace place)
{
    if (++m_nodes > kMostNodes)
        return refuse("The file has more than 100,000 values; no drill needs that many.", place);
    Node node;
    node.kind = Node::Kind::Scalar;
    node.text = std::move(text);
    node.place = place;
    return add(std::move(node));
}

bool TreeBuilder::null(SourcePlace place)
{
    if (++m_nodes > kMostNodes)
        return refuse("The file has more than 100,000 values; no drill needs that many.", place);
    Node node;
    node.place = place;
    return add(std::move(node));
}

bool TreeBuilder::open(Node::Kind kind, SourcePlace place)
{
    if (++m_nodes > kMostNodes)
        return refuse("The file has more than 100,000 values; no drill needs that many.", place);
    if (static_cast<int>(m_open.size()) >= kMostDepth)
        return refuse(fmt::format("Nested deeper than {} levels; a drill needs 5. Remove the extra "
                                  "brackets or indents.",
                                  kMostDepth),
                      place);
    Open top;
    top.node.kind = kind;
    top.node.place = place;
    m_open.push_back(std::move(top));
    return true;
}

bool TreeBuilder::close()
{
    Node node = std::move(m_open.back().node);
    m_open.pop_back();
    return add(std::move(node));
}

bool TreeBuilder::key(std::string text, SourcePlace place)
{
    auto &top = m_open.back();
    const auto &members = top.node.members;
    const auto same = std::find_if(members.begin(), members.end(),
                                   [&](const Member &member) { return member.key == text; });
    if (same != members.end())
        return refuse(fmt::format("The key `{}` stands here twice; the first is in line {}. Keep "
                                  "one of them.",
                                  text, same->place.line),
                      place);
    top.key = std::move(text);
    top.keyPlace = place;
    top.hasKey = true;
    return true;
}

} // namespace engine
