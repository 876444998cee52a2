// YAML through yaml-cpp's event API: its own document model accepts duplicate keys silently (0.7)
// and follows aliases without end. Anchors and aliases have no use in a drill and are refused.

#include "engine/drill/tree.h"

#include <algorithm>
#include <fmt/format.h>
#include <sstream>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

namespace engine {
namespace {

/// Thrown through yaml-cpp to stop it; never leaves this file.
struct Refused
{
};

SourcePlace placeOf(const YAML::Mark &mark)
{
    return mark.is_null() ? SourcePlace{} : SourcePlace{mark.line + 1, mark.column + 1};
}

class Handler : public YAML::EventHandler
{
public:
    void OnDocumentStart(const YAML::Mark &mark) override
    {
        if (++m_documents > 1)
            refuse("A second document starts here; one file holds one drill. Remove the `---` and "
                   "what follows",
                   mark);
    }
    void OnDocumentEnd() override {}
    void OnNull(const YAML::Mark &mark, YAML::anchor_t anchor) override
    {
        plain(anchor, mark);
        if (tree.wantsKey())
            refuse("A key is missing before `:`", mark);
        check(tree.null(placeOf(mark)));
    }
    void OnAlias(const YAML::Mark &mark, YAML::anchor_t) override
    {
        refuse("Aliases (`*name`) are not allowed in a drill: they can blow a file up without end. "
               "Write the value again, or use `${name}` of `configuration`",
               mark);
    }
    void OnScalar(const YAML::Mark &mark, const std::string &tag, YAML::anchor_t anchor,
                  const std::string &value) override
    {
        plain(anchor, mark);
        if (tag != "?" && tag != "!" && !tag.empty())
            refuse(
                fmt::format("The tag `{}` is not allowed in a drill; write the plain value", tag),
                mark);
        if (tree.wantsKey())
            check(tree.key(value, placeOf(mark)));
        else
            check(tree.scalar(value, placeOf(mark)));
    }
    void OnSequenceStart(const YAML::Mark &mark, const std::string &, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value) override
    {
        container(Node::Kind::List, mark, anchor);
    }
    void OnSequenceEnd() override { check(tree.close()); }
    void OnMapStart(const YAML::Mark &mark, const std::string &, YAML::anchor_t anchor,
                    YAML::EmitterStyle::value) override
    {
        container(Node::Kind::Map, mark, anchor);
    }
    void OnMapEnd() override { check(tree.close()); }
    void OnAnchor(const YAML::Mark &mark, const std::string &) override
    {
        refuse("Anchors (`&name`) are not allowed in a drill. Use `${name}` of `configuration`",
               mark);
    }

    TreeBuilder tree;

private:
    void container(Node::Kind kind, const YAML::Mark &mark, YAML::anchor_t anchor)
    {
        plain(anchor, mark);
        if (tree.wantsKey())
            refuse("A key must be a single word, not a list or a map", mark);
        check(tree.open(kind, placeOf(mark)));
    }
    void plain(YAML::anchor_t anchor, const YAML::Mark &mark)
    {
        if (anchor != YAML::NullAnchor)
            OnAnchor(mark, {});
    }
    void refuse(std::string what, const YAML::Mark &mark)
    {
        tree.problem = std::move(what);
        tree.where = placeOf(mark);
        throw Refused{};
    }
    static void check(bool ok)
    {
        if (!ok)
            throw Refused{};
    }
    int m_documents = 0;
};

/// Brackets deeper than the tree may go, counted before the parser sees them: yaml-cpp's own
/// scanner takes quadratic time on them.
std::optional<SourcePlace> tooDeep(std::string_view text)
{
    SourcePlace place{1, 1};
    int depth = 0;
    char quote = 0;
    bool comment = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (c == '\n') {
            place = {place.line + 1, 1};
            comment = false;
            continue;
        }
        if (!comment) {
            if (quote != 0) {
                if (c == '\\' && quote == '"')
                    ++i;
                else if (c == quote)
                    quote = 0;
            } else if (c == '#') {
                comment = true;
            } else if ((c == '"' || c == '\'')
                       && (i == 0
                           || std::string_view(" \t\n[{,:").find(text[i - 1])
                                  != std::string_view::npos)) {
                quote = c;
            } else if (c == '[' || c == '{') {
                if (++depth > kMostDepth)
                    return place;
            } else if (c == ']' || c == '}') {
                depth = std::max(0, depth - 1);
            }
        }
        ++place.column;
    }
    return std::nullopt;
}

} // namespace

Result<Node> parseYamlTree(std::string_view raw, std::string_view file)
{
    auto text = checkText(raw, file);
    if (!text)
        return tl::unexpected(text.error());
    if (const auto place = tooDeep(*text))
        return fail(ErrorCode::InvalidInput,
                    fmt::format("Nested deeper than {} levels; a drill needs 5. Remove the extra "
                                "brackets.",
                                kMostDepth),
                    placeText(file, *place));
    Handler handler;
    try {
        std::istringstream stream{std::string(*text)};
        YAML::Parser parser(stream);
        while (parser.HandleNextDocument(handler)) {
        }
    } catch (const Refused &) {
        return fail(ErrorCode::InvalidInput, handler.tree.problem,
                    placeText(file, handler.tree.where));
    } catch (const YAML::Exception &error) {
        return fail(ErrorCode::InvalidInput,
                    fmt::format("Not YAML: {}. Look at the indent and at what is left open above.",
                                error.msg),
                    placeText(file, placeOf(error.mark)));
    }
    if (handler.tree.isEmpty())
        return fail(ErrorCode::InvalidInput,
                    "The file holds nothing but comments. A drill starts with `drillroom: 1` and a "
                    "`title:`.",
                    placeText(file, {1, 1}));
    return handler.tree.take();
}

} // namespace engine
