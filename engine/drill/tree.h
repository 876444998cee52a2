#pragma once
// A drill file as a tree that knows where everything stands, from YAML or JSON alike. Hostile text
// gives one error with line and column; nothing is guessed.

#include "engine/drill/drill.h"

#include <string_view>
#include <utility>

namespace engine {

struct Member;

/// A value of the file. Numbers and truths stay text: what they mean is the schema's business.
struct Node
{
    enum class Kind { Null, Scalar, List, Map };
    Kind kind = Kind::Null;
    std::string text; ///< of a scalar
    SourcePlace place;
    std::vector<Node> items;     ///< of a list
    std::vector<Member> members; ///< of a map, in the file's order; no key twice
    [[nodiscard]] const Node *find(std::string_view key) const;
};

struct Member
{
    std::string key;
    SourcePlace place;
    Node value;
};

inline constexpr std::size_t kMostText = 4u << 20;
inline constexpr int kMostDepth = 32;
inline constexpr std::size_t kMostNodes = 100'000;

/// "file:3:5" of a place in a file; the file alone when the place is unknown.
[[nodiscard]] std::string placeText(std::string_view file, SourcePlace place);

/// Checks size, encoding and NUL bytes; takes a UTF-8 byte order mark off.
[[nodiscard]] Result<std::string_view> checkText(std::string_view text, std::string_view file);
[[nodiscard]] Result<Node> parseYamlTree(std::string_view text, std::string_view file);
[[nodiscard]] Result<Node> parseJsonTree(std::string_view text, std::string_view file);

/// Builds a tree from a parser's events and refuses duplicate keys, depth and size.
class TreeBuilder
{
public:
    /// False from any call: `problem` and `where` say why; stop parsing.
    bool scalar(std::string text, SourcePlace place);
    bool null(SourcePlace place);
    bool open(Node::Kind kind, SourcePlace place);
    bool close();
    bool key(std::string text, SourcePlace place);
    [[nodiscard]] bool wantsKey() const; ///< inside a map, and no key is waiting for its value

    std::string problem;
    SourcePlace where;
    [[nodiscard]] Node take() { return std::move(m_root); }
    [[nodiscard]] bool isEmpty() const { return m_nodes == 0; }

private:
    bool add(Node node);
    bool refuse(std::string what, SourcePlace place);
    struct Open
    {
        Node node;
        std::string key;
        SourcePlace keyPlace;
        bool hasKey = false;
    };
    std::vector<Open> m_open;
    Node m_root;
    std::size_t m_nodes = 0;
};

} // namespace engine
