// JSON through nlohmann's SAX. It gives no positions, so a cursor walks the text beside it: the
// parser has accepted every token before it is reported, so the cursor only has to skip.

#include "engine/drill/tree.h"

#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace engine {
namespace {

class Sax
{
public:
    using Json = nlohmann::json;
    Sax(std::string_view text) : m_text(text) {}

    bool null()
    {
        const auto place = next();
        skipWord();
        return m_tree.null(place);
    }
    bool boolean(bool) { return word(); }
    bool number_integer(Json::number_integer_t) { return word(); }
    bool number_unsigned(Json::number_unsigned_t) { return word(); }
    bool number_float(Json::number_float_t, const std::string &) { return word(); }
    bool string(std::string &value)
    {
        const auto place = next();
        skipString();
        return m_tree.scalar(std::move(value), place);
    }
    bool binary(Json::binary_t &) { return false; }
    bool start_object(std::size_t) { return open(Node::Kind::Map); }
    bool start_array(std::size_t) { return open(Node::Kind::List); }
    bool end_object() { return shut(); }
    bool end_array() { return shut(); }
    bool key(std::string &value)
    {
        const auto place = next();
        skipString();
        return m_tree.key(std::move(value), place);
    }
    bool parse_error(std::size_t position, const std::string &, const Json::exception &error)
    {
        m_place = {1, 1};
        m_at = 0;
        // The position is the number of bytes read: the last one is the one that does not fit.
        advance(std::min(position == 0 ? 0 : position - 1, m_text.size()));
        m_tree.where = m_place;
        std::string what = error.what();
        // "[json.exception.parse_error.101] parse error at line 1, column 2: syntax error ..."
        if (const auto colon = what.find(": "); colon != std::string::npos)
            what = what.substr(colon + 2);
        m_tree.problem = fmt::format("Not JSON: {}. Close what is open and quote every key.", what);
        return false;
    }

    TreeBuilder &tree() { return m_tree; }

private:
    void advance(std::size_t to)
    {
        for (; m_at < to; ++m_at) {
            const auto c = static_cast<unsigned char>(m_text[m_at]);
            if (c == '\n')
                m_place = {m_place.line + 1, 1};
            else if ((c & 0xC0u) != 0x80u)
                ++m_place.column;
        }
    }
    SourcePlace next()
    {
        const auto at = m_text.find_first_not_of(" \t\r\n,:", m_at);
        advance(std::min(at, m_text.size()));
        return m_place;
    }
    std::string_view skipWord()
    {
        const auto from = m_at;
        advance(std::min(m_text.find_first_of(" \t\r\n,:]}", m_at), m_text.size()));
        return m_text.substr(from, m_at - from);
    }
    void skipString()
    {
        auto at = m_at + 1;
        while (at < m_text.size() && m_text[at] != '"')
            at += m_text[at] == '\\' ? 2 : 1;
        advance(std::min(at + 1, m_text.size()));
    }
    bool word()
    {
        const auto place = next();
        return m_tree.scalar(std::string(skipWord()), place);
    }
    bool open(Node::Kind kind)
    {
        const auto place = next();
        advance(m_at + 1);
        return m_tree.open(kind, place);
    }
    bool shut()
    {
        next();
        advance(std::min(m_at + 1, m_text.size()));
        return m_tree.close();
    }

    std::string_view m_text;
    std::size_t m_at = 0;
    SourcePlace m_place{1, 1};
    TreeBuilder m_tree;
};

} // namespace

Result<Node> parseJsonTree(std::string_view raw, std::string_view file)
{
    auto text = checkText(raw, file);
    if (!text)
        return tl::unexpected(text.error());
    Sax sax(*text);
    if (!nlohmann::json::sax_parse(text->begin(), text->end(), &sax))
        return fail(ErrorCode::InvalidInput, sax.tree().problem, placeText(file, sax.tree().where));
    return sax.tree().take();
}

} // namespace engine
