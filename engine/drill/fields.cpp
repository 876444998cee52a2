#include "engine/drill/fields.h"

#include "engine/drill/drill_values.h"

#include <algorithm>
#include <fmt/format.h>

namespace engine {

const char *kindText(Node::Kind kind)
{
    switch (kind) {
    case Node::Kind::Null:
        return "nothing";
    case Node::Kind::Scalar:
        return "a single value";
    case Node::Kind::List:
        return "a list";
    case Node::Kind::Map:
        return "a map";
    }
    return "?";
}

Fields::Fields(const Node &node, std::string what, std::vector<Problem> &problems,
               std::vector<std::string> known)
    : m_node(node), m_what(std::move(what)), m_problems(problems), m_known(std::move(known))
{
    if (node.kind != Node::Kind::Map) {
        problem(node.place, fmt::format("{} must be a map of keys and values, not {}", m_what,
                                        kindText(node.kind)));
        return;
    }
    for (const auto &member : node.members) {
        if (std::find(m_known.begin(), m_known.end(), member.key) != m_known.end())
            continue;
        std::string all;
        for (const auto &name : m_known)
            all += (all.empty() ? "" : ", ") + name;
        problem(member.place, fmt::format("Unknown key `{}` in {}{}; it takes {}", member.key,
                                          m_what, hint(member.key, m_known), all));
    }
}

SourcePlace Fields::place(std::string_view key) const
{
    const auto *found = m_node.find(key);
    return found ? found->place : m_node.place;
}

bool Fields::needs(std::string_view key, std::string_view example)
{
    if (m_node.kind != Node::Kind::Map)
        return false;
    if (m_node.find(key))
        return true;
    problem(m_node.place,
            fmt::format("{} lacks `{}`; write for example `{}: {}`", m_what, key, key, example));
    return false;
}

const std::string *Fields::text(std::string_view key)
{
    const auto *found = m_node.find(key);
    if (!found)
        return nullptr;
    if (found->kind == Node::Kind::Scalar)
        return &found->text;
    problem(found->place, fmt::format("`{}` of {} must be a single value, not {}", key, m_what,
                                      kindText(found->kind)));
    return nullptr;
}

void Fields::string(std::string_view key, std::string &out)
{
    if (const auto *value = text(key))
        out = *value;
}

void Fields::time(std::string_view key, Micros &out, Micros least, Micros most)
{
    const auto *value = text(key);
    if (!value)
        return;
    const auto time = parseTime(*value);
    if (!time)
        problem(place(key), fmt::format("`{}: {}` is not a time; write a number with ms, s or "
                                        "min, as in `{}: 20s`",
                                        key, *value, key));
    else if (*time < Micros{0})
        problem(place(key), fmt::format("`{}: {}` is negative; a time is 0 or more, as in "
                                        "`{}: 20s`",
                                        key, *value, key));
    else if (*time < least || *time > most)
        problem(place(key), fmt::format("`{}: {}` is out of range; it takes {} to {}", key, *value,
                                        timeText(least), timeText(most)));
    else
        out = *time;
}

std::optional<Rule> Fields::rule(std::string_view key, std::vector<Unit> units, Unit plain,
                                 std::string_view example)
{
    const auto *value = text(key);
    if (!value)
        return std::nullopt;
    auto rule = parseRule(*value);
    const auto wrong = [&](std::string_view why) {
        problem(place(key), fmt::format("`{}: {}` {}; write for example `{}: \"{}\"`", key, *value,
                                        why, key, example));
        return std::nullopt;
    };
    if (!rule)
        return wrong("is not a rule: OP VALUE UNIT with <=, <, >=, > or ==");
    if (rule->unit == Unit::None)
        rule->unit = plain;
    else if (rule->unit == Unit::Millis && units.front() == Unit::Seconds) {
        rule->unit = Unit::Seconds;
        rule->value /= 1000;
    } else if (rule->unit == Unit::Seconds && units.front() == Unit::Millis) {
        rule->unit = Unit::Millis;
        rule->value *= 1000;
    }
    if (std::find(units.begin(), units.end(), rule->unit) == units.end())
        return wrong("has a unit that does not fit");
    if (rule->value < 0)
        return wrong("has a negative limit");
    return rule;
}

void Fields::problem(SourcePlace at, std::string text)
{
    m_problems.push_back({at, std::move(text)});
}

} // namespace engine
