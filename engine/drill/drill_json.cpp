// The canonical form: a drill file in JSON with everything resolved, so one schema reads both.

#include "engine/base/digest.h"
#include "engine/drill/drill_schema.h"
#include "engine/drill/drill_values.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace engine {
namespace {

using Json = nlohmann::json; // keys in order of their bytes

Json toJson(const FaultStep &step)
{
    Json provider{{"type", "fault"}, {"fault", step.fault}, {"target", step.target}};
    for (const auto &[key, value] : step.settings)
        provider[key] = value;
    Json json{{"type", "action"},
              {"name", step.name},
              {"at", timeText(step.at)},
              {"provider", std::move(provider)}};
    if (step.duration)
        json["duration"] = timeText(*step.duration);
    if (step.overrideLastHealthy)
        json["override"] = "last-healthy";
    return json;
}

Json toJson(const ResponseStep &step)
{
    return {{"name", step.name},
            {"when", step.whenSeries.empty()
                         ? step.whenTarget + " " + step.whenState
                         : timedRuleText(step.whenSeries, step.whenRule, step.whenFor)},
            {"do", step.verb + " " + step.target},
            {"by", step.by}};
}

Json toJson(const VerdictRules &rules)
{
    Json json{{"hold", timeText(rules.hold)}};
    const auto add = [&json](const char *key, const std::optional<Rule> &rule) {
        if (rule)
            json[key] = rule->text();
    };
    add("rto", rules.rto);
    add("budget", rules.budget);
    add("quality", rules.quality);
    add("rpo", rules.rpo);
    add("detect", rules.detect);
    add("undo", rules.undo);
    add("alarms", rules.alarms);
    add("responses", rules.responses);
    for (const auto &entry : rules.series)
        json["series"].push_back({{"series", entry.series}, {"rule", entry.rule.text()}});
    return json;
}

} // namespace

std::string toCanonicalJson(const Drill &drill)
{
    Json json{{"drillroom", 1},
              {"title", drill.title},
              {"description", drill.description},
              {"tags", drill.tags},
              {"key-response", drill.keyResponse}};
    json["shop"] = {{"application", drill.shop.application},
                    {"replicas", drill.shop.replicas},
                    {"standby", drill.shop.standby}};
    json["load"] = {{"arrivals", drill.load.arrivals == Arrivals::Poisson ? "poisson" : "constant"},
                    {"rate", fmt::format("{:.10g}/s", drill.load.rate)},
                    {"deadline", timeText(drill.load.deadline)},
                    {"warm-up", timeText(drill.load.warmUp)},
                    {"length", timeText(drill.load.length)}};
    for (const auto &[application, share] : drill.load.mix)
        json["load"]["mix"][application] = fmt::format("{:.10g} %", 100 * share);
    auto probes = Json::array();
    for (const auto &probe : drill.steadyState)
        probes.push_back({{"type", "probe"},
                          {"name", probe.name},
                          {"tolerance", probe.rule.text()},
                          {"provider", {{"type", "series"}, {"series", probe.series}}}});
    json["steady-state-hypothesis"] = {{"title", drill.steadyTitle}, {"probes", std::move(probes)}};
    json["method"] = Json::array();
    for (const auto &step : drill.method)
        json["method"].push_back(toJson(step));
    json["responses"] = Json::array();
    for (const auto &step : drill.responses)
        json["responses"].push_back(toJson(step));
    json["guards"] = Json::array();
    for (const auto &guard : drill.guards)
        json["guards"].push_back(
            {{"when", timedRuleText(guard.series, guard.rule, guard.forTime)}, {"do", "halt"}});
    json["verdict"] = toJson(drill.verdict);
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<Drill> fromCanonicalJson(std::string_view json)
{
    auto tree = parseJsonTree(json, "drill.json");
    if (!tree)
        return tl::unexpected(tree.error());
    std::vector<Problem> problems;
    auto drill = readSchema(std::move(*tree), {}, problems);
    if (!problems.empty())
        return tl::unexpected(problemsError(std::move(problems), "drill.json"));
    return drill;
}

std::string drillHash(const Drill &drill)
{
    return hex(sha256(std::string_view(toCanonicalJson(drill))));
}

} // namespace engine
