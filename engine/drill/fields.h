#pragma once
// Reads one map of a drill file: every key must be asked for, or it is unknown. Internal to the
// reader.

#include "engine/drill/drill_schema.h"

namespace engine {

[[nodiscard]] const char *kindText(Node::Kind kind);

class Fields
{
public:
    Fields(const Node &node, std::string what, std::vector<Problem> &problems,
           std::vector<std::string> known);
    [[nodiscard]] const Node *node(std::string_view key) const { return m_node.find(key); }
    [[nodiscard]] SourcePlace place(std::string_view key) const;
    /// A problem with an example when the key is missing.
    bool needs(std::string_view key, std::string_view example);
    /// The text of a scalar; a problem when it is something else.
    const std::string *text(std::string_view key);
    void string(std::string_view key, std::string &out);
    void time(std::string_view key, Micros &out, Micros least, Micros most);
    /// A rule in one of `units`; a plain number counts as `plain`.
    std::optional<Rule> rule(std::string_view key, std::vector<Unit> units, Unit plain,
                             std::string_view example);
    void problem(SourcePlace at, std::string text);

private:
    const Node &m_node;
    std::string m_what;
    std::vector<Problem> &m_problems;
    std::vector<std::string> m_known;
};

} // namespace engine
