#include "engine/metrics/alert_rules.h"

#include "engine/drill/tree.h"
#include "engine/metrics/shipped_alert_rules.h"

#include <charconv>
#include <fmt/format.h>

namespace engine {
namespace {

tl::unexpected<Error> wrong(const std::string &what, std::string_view file, SourcePlace place)
{
    return fail(ErrorCode::InvalidInput, what, placeText(file, place));
}

std::optional<Micros> duration(const std::string &text)
{
    std::uint32_t amount = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), amount);
    const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
    if (code != std::errc() || amount > 86'400)
        return {};
    if (unit == "s")
        return Micros{std::int64_t{amount} * 1'000'000};
    if (unit == "m")
        return Micros{std::int64_t{amount} * 60'000'000};
    return {};
}

Result<AlertRule> readRule(const Node &node, std::string_view file)
{
    AlertRule rule;
    for (const auto &[key, place, value] : node.members) {
        if (key == "alert") {
            rule.name = value.text;
        } else if (key == "expr") {
            rule.expression = value.text;
            auto parsed = AlertExpression::parse(value.text);
            if (!parsed)
                return wrong(parsed.error().message, file, value.place);
            rule.parsed = std::move(*parsed);
        } else if (key == "for") {
            const auto hold = duration(value.text);
            if (!hold)
                return wrong("'for' is a time such as 5s or 1m", file, value.place);
            rule.hold = *hold;
        } else if (key == "labels" || key == "annotations") {
            for (const auto &member : value.members)
                if (key == "labels")
                    rule.labels[member.key] = member.value.text;
                else if (member.key == "summary")
                    rule.summary = member.value.text;
        } else {
            return wrong("'" + key
                             + "' is not known here; an alert has alert, expr, for, labels "
                               "and annotations",
                         file, place);
        }
    }
    if (rule.name.empty() || rule.expression.empty())
        return wrong("An alert needs 'alert' (its name) and 'expr'", file, node.place);
    return rule;
}

} // namespace

Result<std::vector<AlertRule>> parseAlertRules(std::string_view text, std::string_view file)
{
    const auto tree = parseYamlTree(text, file);
    if (!tree)
        return tl::unexpected(tree.error());
    const auto *groups = tree->find("groups");
    if (!groups || groups->kind != Node::Kind::List)
        return wrong("A rule file begins with 'groups:', a list", file, tree->place);
    std::vector<AlertRule> out;
    for (const auto &group : groups->items) {
        const auto *rules = group.find("rules");
        if (!rules || rules->kind != Node::Kind::List)
            return wrong("A group has 'rules', a list", file, group.place);
        for (const auto &node : rules->items) {
            auto rule = readRule(node, file);
            if (!rule)
                return tl::unexpected(rule.error());
            out.push_back(std::move(*rule));
        }
    }
    return out;
}

Result<std::vector<AlertRule>> shippedAlertRules()
{
    return parseAlertRules(kShippedAlertRules, "drillroom.rules.yml");
}

std::vector<Alert> AlertEngine::evaluate(MonoTime now)
{
    std::vector<Alert> news;
    for (std::size_t i = 0; i < m_rules.size(); ++i) {
        const auto &rule = m_rules[i];
        std::map<MetricLabels, double> holding;
        for (const auto &hit : rule.parsed.evaluate(m_memory, now)) {
            auto labels = rule.labels;
            labels.insert(hit.labels.begin(), hit.labels.end());
            holding[labels] = hit.value;
        }
        for (const auto &[labels, value] : holding) {
            auto &alert = m_active
                              .try_emplace({i, labels}, Alert{rule.name, rule.summary, labels,
                                                              false, value, now})
                              .first->second;
            alert.value = value;
            if (alert.firing || now - alert.since < rule.hold)
                continue;
            alert.firing = true;
            news.push_back(alert);
        }
        for (auto at = m_active.lower_bound({i, {}});
             at != m_active.end() && at->first.first == i;) {
            if (holding.contains(at->first.second)) {
                ++at;
                continue;
            }
            if (at->second.firing) {
                at->second.firing = false;
                news.push_back(at->second);
            }
            at = m_active.erase(at);
        }
    }
    return news;
}

std::vector<Alert> AlertEngine::firing() const
{
    std::vector<Alert> out;
    for (const auto &[key, alert] : m_active)
        if (alert.firing)
            out.push_back(alert);
    return out;
}

} // namespace engine
