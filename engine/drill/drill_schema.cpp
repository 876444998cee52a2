#include "engine/drill/drill_schema.h"

#include "engine/drill/drill_values.h"
#include "engine/drill/fault_settings.h"
#include "engine/drill/fields.h"
#include "engine/drill/gauge.h"
#include "engine/drill/known_faults.h"
#include "engine/drill/targets.h"
#include "engine/metrics/application_series.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <set>

namespace engine {
namespace {

constexpr Micros kMostLength{24LL * 3600 * 1'000'000};
constexpr std::size_t kMostIndicators = 16, kMostSteps = 32;

const std::vector<std::string> &seriesNames()
{
    static const std::vector<std::string> names{"gateway.requests",     "gateway.answered",
                                                "gateway.failed",       "gateway.late",
                                                "gateway.latency.p50",  "gateway.latency.p95",
                                                "gateway.latency.p99",  "gateway.path.primary",
                                                "gateway.path.standby", "gateway.path.popularity",
                                                "gateway.path.cached",  "gateway.quality",
                                                "gateway.ndcg@10",      "store.acked",
                                                "store.age.p95",        "traffic.lag.p99",
                                                "host.stall.max",       "golden.quality",
                                                "golden.high"};
    return names;
}

class Schema
{
public:
    Schema(Node root, const Overrides &overrides, std::vector<Problem> &problems)
        : m_root(std::move(root)), m_overrides(overrides), m_problems(problems)
    {
    }

    Drill read()
    {
        if (m_root.kind != Node::Kind::Map) {
            m_problems.push_back({m_root.place, fmt::format("A drill is a map that starts with "
                                                            "`drillroom: 1`, not {}",
                                                            kindText(m_root.kind))});
            return std::move(m_drill);
        }
        resolveConfiguration();
        substitute(m_root);
        Fields top(m_root, "the drill", m_problems,
                   {"drillroom", "title", "description", "tags", "configuration", "shop", "load",
                    "steady-state-hypothesis", "method", "responses", "guards", "key-response",
                    "verdict", "rollbacks"});
        if (top.needs("drillroom", "1"))
            if (const auto *version = top.text("drillroom"); version && *version != "1")
                top.problem(top.place("drillroom"),
                            fmt::format("Format `{}` is not known here; this Drillroom reads "
                                        "`drillroom: 1`",
                                        *version));
        if (top.needs("title", "A ranker crashes at peak"))
            top.string("title", m_drill.title);
        top.string("description", m_drill.description);
        names(top, "tags", m_drill.tags);
        shop(top);
        load(top);
        steadyState(top);
        for (const auto *step : list(top, "method", kMostSteps))
            method(*step);
        for (const auto *step : list(top, "responses", kMostSteps))
            response(*step);
        for (const auto *step : list(top, "guards", kMostSteps))
            guard(*step);
        names(top, "key-response", m_drill.keyResponse);
        verdict(top);
        if (const auto *rollbacks = top.node("rollbacks"); rollbacks && !rollbacks->items.empty())
            top.problem(rollbacks->place, "`rollbacks` must be empty: every fault is undone by "
                                          "itself on every way out. Write `rollbacks: []`");
        applyOverrides();
        return std::move(m_drill);
    }

private:
    void resolveConfiguration()
    {
        const auto *configuration = m_root.find("configuration");
        if (configuration && configuration->kind != Node::Kind::Map)
            m_problems.push_back({configuration->place, "`configuration` must be a map of names "
                                                        "and values"});
        else if (configuration)
            for (const auto &member : configuration->members) {
                if (member.value.kind != Node::Kind::Scalar)
                    m_problems.push_back({member.value.place,
                                          fmt::format("`{}` of the configuration must be a single "
                                                      "value, not {}",
                                                      member.key, kindText(member.value.kind))});
                m_configuration[member.key] = member.value.text;
            }
        for (const auto &[key, value] : m_overrides)
            if (const auto it = m_configuration.find(key); it != m_configuration.end())
                it->second = value;
    }

    void substitute(Node &node)
    {
        for (auto &item : node.items)
            substitute(item);
        for (auto &member : node.members)
            if (member.key != "configuration")
                substitute(member.value);
        for (std::size_t at = 0; (at = node.text.find("${", at)) != std::string::npos;) {
            const auto end = node.text.find('}', at);
            const auto name = node.text.substr(at + 2, end - at - 2);
            const auto it = m_configuration.find(name);
            if (end == std::string::npos || it == m_configuration.end()) {
                std::vector<std::string> known;
                for (const auto &[key, value] : m_configuration)
                    known.push_back(key);
                m_problems.push_back(
                    {node.place, fmt::format("`{}` names nothing in `configuration`{}; add "
                                             "`{}` there",
                                             node.text, hint(name, known), name)});
                return;
            }
            // What was put in is not looked at again, so nothing can grow without end.
            node.text.replace(at, end - at + 1, it->second);
            at += it->second.size();
        }
    }

    void names(Fields &fields, std::string_view key, std::vector<std::string> &out)
    {
        for (const auto *item : list(fields, key, 64)) {
            if (item->kind == Node::Kind::Scalar)
                out.push_back(item->text);
            else
                fields.problem(item->place, fmt::format("`{}` takes a list of words", key));
        }
    }

    std::vector<const Node *> list(Fields &fields, std::string_view key, std::size_t most)
    {
        std::vector<const Node *> result;
        const auto *node = fields.node(key);
        if (!node || node->kind == Node::Kind::Null)
            return result;
        if (node->kind != Node::Kind::List) {
            fields.problem(node->place,
                           fmt::format("`{}` must be a list, not {}", key, kindText(node->kind)));
            return result;
        }
        if (node->items.size() > most) {
            fields.problem(node->place, fmt::format("`{}` has {} entries; {} is the most", key,
                                                    node->items.size(), most));
            return result;
        }
        for (const auto &item : node->items)
            result.push_back(&item);
        return result;
    }

    void shop(Fields &top)
    {
        const auto *node = top.node("shop");
        if (!node)
            return;
        Fields fields(*node, "`shop`", m_problems, {"application", "replicas", "standby"});
        fields.string("application", m_drill.shop.application);
        static const std::vector<std::string> applications(kApplicationNames.begin(),
                                                           kApplicationNames.end());
        const auto &application = m_drill.shop.application;
        if (std::find(applications.begin(), applications.end(), application) == applications.end())
            fields.problem(fields.place("application"),
                           fmt::format("Unknown application `{}`{}; there are recommend, search, "
                                       "ads and inventory",
                                       application, hint(application, applications)));
        if (const auto *text = fields.text("replicas")) {
            const auto number = parseNumber(*text);
            if (!number || *number < 1 || *number > 16 || *number != static_cast<int>(*number))
                fields.problem(
                    fields.place("replicas"),
                    fmt::format("`replicas: {}` must be a whole number from 1 to 16", *text));
            else
                m_drill.shop.replicas = static_cast<int>(*number);
        }
        truth(fields, "standby", m_drill.shop.standby);
    }

    void truth(Fields &fields, std::string_view key, bool &out)
    {
        const auto *text = fields.text(key);
        if (!text)
            return;
        if (*text == "true" || *text == "false")
            out = *text == "true";
        else
            fields.problem(fields.place(key),
                           fmt::format("`{}: {}` must be true or false", key, *text));
    }

    void load(Fields &top)
    {
        const auto *node = top.node("load");
        if (!node)
            return;
        Fields fields(*node, "`load`", m_problems,
                      {"arrivals", "rate", "mix", "deadline", "warm-up", "length"});
        if (const auto *text = fields.text("arrivals")) {
            if (*text == "constant")
                m_drill.load.arrivals = Arrivals::Constant;
            else if (*text != "poisson")
                fields.problem(fields.place("arrivals"),
                               fmt::format("`arrivals: {}` must be poisson or constant", *text));
        }
        if (const auto *text = fields.text("rate"))
            rate(*text, fields.place("rate"));
        if (const auto *shares = fields.node("mix"))
            mix(*shares);
        fields.time("deadline", m_drill.load.deadline, Micros{1'000}, Micros{1'000'000});
        fields.time("warm-up", m_drill.load.warmUp, Micros{0}, kMostLength);
        fields.time("length", m_drill.load.length, Micros{1'000'000}, kMostLength);
    }

    /// What other applications leave is recommend's, and something must be: the judge reads it.
    void mix(const Node &node)
    {
        Fields fields(node, "`mix`", m_problems,
                      {kApplicationNames.begin(), kApplicationNames.end()});
        constexpr double kRounding = 1e-6;
        double sum = 0;
        auto &mix = m_drill.load.mix;
        for (const auto &member : node.members) {
            const auto *text = fields.text(member.key);
            const auto share = text ? parseShare(*text) : std::nullopt;
            if (text && (!share || *share < 0 || *share > 1))
                fields.problem(member.value.place,
                               fmt::format("`{}: {}` must be a share of the requests, as in "
                                           "`{}: 20 %`",
                                           member.key, *text, member.key));
            sum += mix[member.key] = share.value_or(0);
        }
        auto &recommend = mix["recommend"];
        if (!node.find("recommend") && sum < 1 - kRounding)
            recommend = 1 - sum;
        else if (std::abs(sum - 1) > kRounding)
            fields.problem(node.place, fmt::format("The shares of `mix` make {:g} %; together they "
                                                   "must make 100 %",
                                                   100 * sum));
        else if (recommend <= 0)
            fields.problem(node.place, "`mix` leaves nothing for recommend, by whose answers a "
                                       "drill is judged; give it 10 % or more");
    }

    void rate(const std::string &text, SourcePlace place)
    {
        auto value = parseRate(text);
        if (!value)
            value = parseNumber(text);
        if (!value || *value <= 0 || *value > 100'000)
            m_problems.push_back({place, fmt::format("`rate: {}` must be 1/s to 100000/s, as in "
                                                     "`rate: 200/s`",
                                                     text)});
        else
            m_drill.load.rate = *value;
    }

    /// A series with a rule in the units that fit it.
    Indicator indicator(Fields &holder, std::string_view ruleKey, Fields &named)
    {
        Indicator result;
        named.string("series", result.series);
        result.place = named.place("series");
        checkSeries(result.series, result.place);
        const std::string_view series = result.series;
        std::optional<Rule> rule;
        if (series.find(".latency.") != std::string_view::npos || series.ends_with("lag.p99")
            || series == "host.stall.max")
            rule = holder.rule(ruleKey, {Unit::Millis}, Unit::None, "<= 60 ms");
        else if (series.ends_with(".age.p95"))
            rule = holder.rule(ruleKey, {Unit::Seconds}, Unit::None, "<= 60 s");
        else if (series == "gateway.requests" || series == "gateway.answered")
            rule = holder.rule(ruleKey, {Unit::PerSecond}, Unit::PerSecond, ">= 100 /s");
        else if (series == "gateway.quality" || series == "gateway.ndcg@10"
                 || (isOfApplication(series) && series.ends_with(".quality"))
                 || series.ends_with("golden.quality") || series.ends_with("golden.high"))
            rule = holder.rule(ruleKey, {Unit::None, Unit::Share}, Unit::None, ">= 0.95");
        else if (series == "gateway.failed" || series == "gateway.late"
                 || series.starts_with("gateway.path.")
                 || (isOfApplication(series) && series.ends_with(".failed")))
            rule = holder.rule(ruleKey, {Unit::Share}, Unit::Share, "<= 0.1 %");
        else
            rule = holder.rule(ruleKey,
                               {Unit::None, Unit::Share, Unit::Millis, Unit::Seconds, Unit::Events,
                                Unit::PerSecond},
                               Unit::None, ">= 1");
        if (rule)
            result.rule = *rule;
        if (rule && rule->ofBaseline && gatewayPercentile(series))
            holder.problem(holder.place(ruleKey),
                           "A latency limit must be absolute: answers slower than it are counted "
                           "from the start of the run, before a baseline is known. Write for "
                           "example `<= 60 ms`");
        if (rule && gatewayPercentile(series)
            && (rule->value <= 0
                || (rule->compare != Compare::LessEqual && rule->compare != Compare::Less)))
            holder.problem(holder.place(ruleKey),
                           "A latency rule is an upper limit above 0, as in `<= 60 ms`");
        return result;
    }

    /// gateway.APP.quality and gateway.APP.failed.
    static bool isOfApplication(std::string_view series)
    {
        constexpr std::string_view kDoor = "gateway.";
        const auto dot = series.find('.', kDoor.size());
        return series.starts_with(kDoor) && dot != std::string_view::npos
               && isApplicationName(series.substr(kDoor.size(), dot - kDoor.size()))
               && (series.ends_with(".quality") || series.ends_with(".failed"));
    }

    void checkSeries(const std::string &series, SourcePlace place)
    {
        if (series.empty() || isOfApplication(series))
            return;
        const auto &known = seriesNames();
        if (std::find(known.begin(), known.end(), series) != known.end())
            return;
        // Of a target: replica/2.latency.p99, gateway.self.ejections
        for (const std::string_view start : {"replica/", "standby/", "gateway.self.", "store."})
            if (series.starts_with(start))
                return;
        m_problems.push_back({place, fmt::format("Unknown series `{}`{}; drills/README.md lists "
                                                 "them",
                                                 series, hint(series, known))});
    }

    void steadyState(Fields &top)
    {
        if (!top.needs("steady-state-hypothesis",
                       "{title: Shoppers are served well, probes: [...]}"))
            return;
        Fields fields(*top.node("steady-state-hypothesis"), "`steady-state-hypothesis`", m_problems,
                      {"title", "probes"});
        fields.string("title", m_drill.steadyTitle);
        const auto probes = list(fields, "probes", kMostIndicators);
        if (probes.empty())
            fields.problem(fields.place("probes"),
                           "The steady state has no probes, so nothing could be judged; give at "
                           "least one, for example gateway.failed with `tolerance: \"<= 0.1 %\"`");
        for (const auto *node : probes) {
            Fields probe(*node, "a probe", m_problems, {"type", "name", "tolerance", "provider"});
            constant(probe, "type", "probe");
            const bool whole =
                probe.needs("name", "latency") & probe.needs("tolerance", "\"<= 60 ms\"")
                & probe.needs("provider", "{type: series, series: gateway.latency.p99}");
            if (!whole)
                continue;
            Fields provider(*probe.node("provider"), "the provider of a probe", m_problems,
                            {"type", "series"});
            constant(provider, "type", "series");
            provider.needs("series", "gateway.latency.p99");
            auto read = indicator(probe, "tolerance", provider);
            probe.string("name", read.name);
            for (const auto &other : m_drill.steadyState)
                if (other.name == read.name)
                    probe.problem(probe.place("name"), fmt::format("Two probes are called `{}`; "
                                                                   "give each its own name",
                                                                   read.name));
            m_drill.steadyState.push_back(std::move(read));
        }
    }

    void constant(Fields &fields, std::string_view key, std::string_view value)
    {
        const auto *text = fields.text(key);
        if (text && *text != value)
            fields.problem(fields.place(key),
                           fmt::format("`{}: {}` must be `{}: {}` here", key, *text, key, value));
    }

    void method(const Node &node)
    {
        Fields fields(node, "a step of `method`", m_problems,
                      {"type", "name", "at", "duration", "override", "provider"});
        constant(fields, "type", "action");
        const bool whole = fields.needs("name", "crash ranker 2") & fields.needs("at", "20s")
                           & fields.needs("provider", "{type: fault, fault: process.kill, target: "
                                                      "replica/2}");
        if (!whole)
            return;
        FaultStep step;
        fields.string("name", step.name);
        fields.time("at", step.at, Micros{0}, kMostLength);
        step.atPlace = fields.place("at");
        if (fields.node("duration")) {
            Micros duration{0};
            fields.time("duration", duration, Micros{100'000}, kMostLength);
            step.duration = duration;
        }
        if (const auto *text = fields.text("override")) {
            step.overrideLastHealthy = *text == "last-healthy";
            if (!step.overrideLastHealthy)
                fields.problem(
                    fields.place("override"),
                    fmt::format("`override: {}` must be `override: last-healthy`", *text));
        }
        std::vector<std::string> keys{"type", "fault", "target"};
        const auto *providerNode = fields.node("provider");
        const auto *faultNode = providerNode->find("fault");
        const auto *fault = faultNode ? knownFault(faultNode->text) : nullptr;
        std::vector<std::string> known;
        for (const auto &each : knownFaults())
            known.push_back(each.name);
        if (fault)
            keys.insert(keys.end(), fault->settings.begin(), fault->settings.end());
        Fields provider(*providerNode,
                        fault ? fmt::format("the provider of {}", fault->name)
                              : "the provider of a fault",
                        m_problems, keys);
        constant(provider, "type", "fault");
        if (!(provider.needs("fault", "process.kill") & provider.needs("target", "replica/2")))
            return;
        provider.string("fault", step.fault);
        provider.string("target", step.target);
        if (!fault) {
            provider.problem(provider.place("fault"),
                             fmt::format("Unknown fault `{}`{}; there are for example "
                                         "process.kill, process.freeze and network.cut",
                                         step.fault, hint(step.fault, known)));
        } else {
            for (const auto &setting : fault->settings)
                if (const auto *value = provider.text(setting))
                    step.settings[setting] = *value;
            if (const auto checked = checkSettings(step.fault, step.settings); !checked)
                provider.problem(provider.place("fault"), checked.error().message);
            if (!fault->lasts && step.duration)
                fields.problem(
                    fields.place("duration"),
                    fmt::format("{} is over in an instant; remove `duration`", fault->name));
        }
        if (step.duration && *step.duration <= Micros{0})
            step.duration.reset();
        step.place = provider.place("target");
        m_drill.method.push_back(std::move(step));
    }

    void response(const Node &node)
    {
        Fields fields(node, "a response", m_problems, {"name", "when", "do", "by"});
        const bool whole = fields.needs("name", "restart") & fields.needs("when", "replica/2 down")
                           & fields.needs("do", "restart replica/2");
        if (!whole)
            return;
        ResponseStep step;
        step.place = node.place;
        step.by = "drill";
        fields.string("name", step.name);
        fields.string("by", step.by);
        if (step.by != "drill" && step.by != "supervisor" && step.by != "gateway")
            fields.problem(fields.place("by"), fmt::format("`by: {}` must be supervisor, gateway "
                                                           "or drill",
                                                           step.by));
        std::string when, act;
        fields.string("when", when);
        fields.string("do", act);
        if (const auto timed = parseTimedRule(when)) {
            step.whenSeries = timed->series;
            step.whenRule = timed->rule;
            step.whenFor = timed->forTime;
            checkSeries(step.whenSeries, fields.place("when"));
        } else if (const auto space = when.rfind(' '); space != std::string::npos) {
            step.whenTarget = stripped(when.substr(0, space));
            step.whenState = when.substr(space + 1);
        }
        if (step.whenSeries.empty() && step.whenState != "down" && step.whenState != "frozen")
            fields.problem(fields.place("when"),
                           fmt::format("`when: {}` must be `TARGET down`, `TARGET frozen` or "
                                       "`RULE for TIME`, as in `gateway.failed > 5 % for 3s`",
                                       when));
        const auto space = act.rfind(' ');
        step.verb = act.substr(0, space);
        if (space != std::string::npos)
            step.target = stripped(act.substr(space + 1));
        const bool isKnown = step.verb == "restart" || step.verb == "alert"
                             || (step.verb == "restore" && step.target == "store")
                             || (step.verb == "roll back" && step.target.starts_with("replica/"))
                             || (step.verb == "retrain" && step.target == kWholeShop);
        if (!isKnown || step.target.empty())
            fields.problem(
                fields.place("do"),
                fmt::format("`do: {}` must be `restart TARGET`, `restore store`, `roll "
                            "back REPLICA`, `retrain shop` or `alert WHOM`, as in `do: restart "
                            "replica/2`",
                            act));
        m_drill.responses.push_back(std::move(step));
    }

    void guard(const Node &node)
    {
        Fields fields(node, "a guard", m_problems, {"when", "do"});
        const bool whole =
            fields.needs("when", "\"gateway.failed > 20 % for 5s\"") & fields.needs("do", "halt");
        if (!whole)
            return;
        constant(fields, "do", "halt");
        std::string when;
        fields.string("when", when);
        const auto timed = parseTimedRule(when);
        if (!timed || timed->forTime <= Micros{0}) {
            fields.problem(fields.place("when"),
                           fmt::format("`when: {}` is not a guard: SERIES RULE for TIME, as in "
                                       "`gateway.failed > 20 % for 5s`",
                                       when));
            return;
        }
        checkSeries(timed->series, fields.place("when"));
        Guard guard{timed->series, timed->rule, timed->forTime, {}, node.place};
        guard.text = timedRuleText(guard.series, guard.rule, guard.forTime);
        m_drill.guards.push_back(std::move(guard));
    }

    void verdict(Fields &top)
    {
        if (!top.needs("verdict", "{rto: \"<= 10s\", budget: \"<= 0.5 %\"}"))
            return;
        Fields fields(*top.node("verdict"), "`verdict`", m_problems,
                      {"rto", "budget", "quality", "rpo", "detect", "undo", "alarms", "responses",
                       "hold", "series"});
        auto &rules = m_drill.verdict;
        rules.rto = fields.rule("rto", {Unit::Seconds}, Unit::None, "<= 10s");
        rules.budget = fields.rule("budget", {Unit::Share}, Unit::Share, "<= 0.5 %");
        rules.quality = fields.rule("quality", {Unit::None, Unit::Share}, Unit::None, ">= 0.99");
        rules.rpo = fields.rule("rpo", {Unit::Seconds, Unit::Events}, Unit::Events, "<= 5s");
        rules.detect = fields.rule("detect", {Unit::Seconds}, Unit::None, "<= 10s");
        rules.undo = fields.rule("undo", {Unit::Seconds}, Unit::None, "<= 5s");
        rules.alarms = fields.rule("alarms", {Unit::None}, Unit::None, "<= 0");
        rules.responses = fields.rule("responses", {Unit::None}, Unit::None, "<= 0");
        fields.time("hold", rules.hold, Micros{1'000'000}, Micros{600'000'000});
        for (const auto *node : list(fields, "series", kMostIndicators)) {
            Fields entry(*node, "an entry of `series`", m_problems, {"series", "rule"});
            if (!(entry.needs("series", "gateway.path.standby")
                  & entry.needs("rule", "\">= 90 %\"")))
                continue;
            auto read = indicator(entry, "rule", entry);
            read.name = read.series;
            rules.series.push_back(std::move(read));
        }
        const bool any = rules.rto || rules.budget || rules.quality || rules.rpo || rules.detect
                         || rules.undo || rules.alarms || rules.responses || !rules.series.empty();
        if (!any)
            fields.problem(top.place("verdict"), "`verdict` asks for nothing, so every run would "
                                                 "pass; give at least one rule, for example `rto: "
                                                 "\"<= 10s\"`");
    }

    void applyOverrides()
    {
        static const std::vector<std::string> own{"length",  "hold",     "rate",
                                                  "warm-up", "deadline", "replicas"};
        for (const auto &[key, value] : m_overrides) {
            if (m_configuration.contains(key))
                continue;
            const auto bad = [&](std::string_view example) {
                m_problems.push_back({{},
                                      fmt::format("`--set {}={}` cannot be read; write for "
                                                  "example `--set {}={}`",
                                                  key, value, key, example)});
            };
            const auto time = parseTime(value);
            const bool isTime = time && *time >= Micros{0} && *time <= kMostLength;
            if (key == "length")
                isTime &&*time >= Micros{1'000'000} ? void(m_drill.load.length = *time)
                                                    : bad("25s");
            else if (key == "hold")
                isTime &&*time >= Micros{1'000'000} ? void(m_drill.verdict.hold = *time)
                                                    : bad("5s");
            else if (key == "warm-up")
                isTime ? void(m_drill.load.warmUp = *time) : bad("10s");
            else if (key == "deadline")
                isTime &&*time >= Micros{1'000} && *time <= Micros{1'000'000}
                    ? void(m_drill.load.deadline = *time)
                    : bad("250ms");
            else if (key == "rate")
                rate(value, {});
            else if (key == "replicas") {
                const auto number = parseNumber(value);
                number &&*number >= 1 && *number <= 16
                    ? void(m_drill.shop.replicas = static_cast<int>(*number))
                    : bad("3");
            } else {
                auto known = own;
                for (const auto &[name, unused] : m_configuration)
                    known.push_back(name);
                std::string all;
                for (const auto &name : known)
                    all += (all.empty() ? "" : ", ") + name;
                m_problems.push_back({{},
                                      fmt::format("`--set {}` names nothing that can be set{}; "
                                                  "this drill takes {}",
                                                  key, hint(key, known), all)});
            }
        }
    }

    Node m_root;
    const Overrides &m_overrides;
    std::vector<Problem> &m_problems;
    std::map<std::string, std::string> m_configuration;
    Drill m_drill;
};

} // namespace

Drill readSchema(Node root, const Overrides &overrides, std::vector<Problem> &problems)
{
    return Schema(std::move(root), overrides, problems).read();
}

Error problemsError(std::vector<Problem> problems, std::string_view file)
{
    std::stable_sort(problems.begin(), problems.end(), [](const auto &a, const auto &b) {
        return std::pair(a.place.line, a.place.column) < std::pair(b.place.line, b.place.column);
    });
    Error error{ErrorCode::InvalidInput, {}, placeText(file, problems.front().place)};
    constexpr std::size_t kMostShown = 20;
    for (std::size_t i = 0; i < problems.size() && i < kMostShown; ++i) {
        if (i > 0)
            error.message += "\n" + placeText(file, problems[i].place) + ": ";
        error.message += problems[i].text + ".";
    }
    if (problems.size() > kMostShown)
        error.message += fmt::format("\n{} more problems follow.", problems.size() - kMostShown);
    return error;
}

} // namespace engine
