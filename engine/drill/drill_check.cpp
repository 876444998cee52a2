// What holds between the parts of a drill: targets, times, radius. And lint, which only advises.

#include "engine/cluster/cluster.h"
#include "engine/drill/drill_schema.h"
#include "engine/drill/drill_values.h"
#include "engine/drill/known_faults.h"
#include "engine/drill/targets.h"

#include <algorithm>
#include <fmt/format.h>
#include <set>

namespace engine {
namespace {

constexpr Micros kLeastBaseline{5'000'000};
/// A killed replica counts as missing for so long when the radius is checked in the file; while the
/// drill runs the agent looks at what is really healthy.
constexpr Micros kKillLasts{10'000'000};
constexpr Micros kCap{300'000'000};

std::string joined(const std::vector<std::string> &names)
{
    std::string text;
    for (const auto &name : names)
        text += (text.empty() ? "" : ", ") + name;
    return text;
}

Micros endOf(const FaultStep &step)
{
    const auto *fault = knownFault(step.fault);
    return step.at + step.duration.value_or(fault && !fault->lasts ? kKillLasts : kCap);
}

/// Replicas that a fault takes out of service: itself, or the edge that leads to it.
std::string replicaOf(const std::string &target)
{
    const auto arrow = target.find("->");
    const auto name = arrow == std::string::npos ? target : target.substr(arrow + 2);
    return name.starts_with("replica/") ? name : std::string();
}

void checkTarget(const FaultStep &step, const ShopNeed &shop, std::vector<Problem> &problems)
{
    const auto *fault = knownFault(step.fault);
    if (!fault)
        return;
    const auto known = fault->name == "model.bad-deploy"
                           ? std::vector<std::string>{std::string(kWholeShop)}
                       : fault->isOfEdge ? edgesOf(shop)
                                         : processesOf(shop);
    if (std::find(known.begin(), known.end(), step.target) != known.end())
        return;
    problems.push_back(
        {step.place,
         fmt::format("The target `{}` matches nothing that {} can break in this "
                     "shop{}; there are {}",
                     step.target, step.fault, hint(step.target, known), joined(known))});
}

void checkRadius(const Drill &drill, std::vector<Problem> &problems)
{
    const auto total = static_cast<std::size_t>(drill.shop.replicas);
    for (const auto &step : drill.method) {
        if (step.target == kWholeShop && !step.overrideLastHealthy)
            problems.push_back({step.place, fmt::format("`{}` hits every replica; write `override: "
                                                        "last-healthy` in the step",
                                                        step.name)});
        if (replicaOf(step.target).empty() || step.overrideLastHealthy)
            continue;
        std::set<std::string> hit;
        for (const auto &other : drill.method)
            if (other.at <= step.at && endOf(other) > step.at)
                hit.insert(replicaOf(other.target));
        hit.erase("");
        if (hit.size() >= total)
            problems.push_back(
                {step.place, fmt::format("`{}` would break the last healthy replica of {}; add "
                                         "replicas, or write `override: last-healthy` in the "
                                         "step",
                                         step.name, total)});
        else if (hit.size() * 2 > total)
            problems.push_back(
                {step.place, fmt::format("`{}` would break {} of {} replicas at once, more than "
                                         "half; spread the steps, or write `override: "
                                         "last-healthy` in the step",
                                         step.name, hit.size(), total)});
    }
}

} // namespace

std::vector<std::string> processesOf(const ShopNeed &shop)
{
    std::vector<std::string> names{"gateway", "store"};
    for (int i = 1; i <= shop.replicas; ++i)
        names.push_back(fmt::format("replica/{}", i));
    if (shop.standby)
        names.emplace_back("standby/1");
    return names;
}

std::vector<std::string> edgesOf(const ShopNeed &shop)
{
    std::vector<std::string> names{"traffic->gateway", "traffic->store", "gateway->store"};
    for (int i = 1; i <= shop.replicas; ++i)
        names.push_back(fmt::format("gateway->replica/{}", i));
    if (shop.standby)
        names.emplace_back("gateway->standby/1");
    return names;
}

const std::vector<std::string> &switchableResponses()
{
    static const auto names = [] {
        std::vector<std::string> all;
        for (const auto &[name, on] : Switches{}.all())
            all.emplace_back(name);
        // Not the gateway's: what the shop is brought up without.
        all.insert(all.end(), {"backup", "verification"});
        return all;
    }();
    return names;
}

void checkWhole(const Drill &drill, std::vector<Problem> &problems)
{
    const auto &load = drill.load;
    if (load.length <= load.warmUp + kLeastBaseline)
        problems.push_back({{},
                            fmt::format("`length: {}` leaves no time to judge: it includes the "
                                        "warm-up of {} and a baseline of 5s. Make `length` "
                                        "longer",
                                        timeText(load.length), timeText(load.warmUp))});
    std::set<std::string> stepNames;
    for (const auto &step : drill.method) {
        checkTarget(step, drill.shop, problems);
        if (!stepNames.insert(step.name).second)
            problems.push_back({step.place, fmt::format("Two steps are called `{}`; give each its "
                                                        "own name",
                                                        step.name)});
        if (step.at >= load.length)
            problems.push_back(
                {step.atPlace, fmt::format("`{}` starts at {}, when the load of {} is over; "
                                           "make `length` longer or `at` earlier",
                                           step.name, timeText(step.at), timeText(load.length))});
        else if (step.at < load.warmUp + kLeastBaseline)
            problems.push_back(
                {step.atPlace, fmt::format("`{}` starts at {}; a warm-up of {} and at least 5s of "
                                           "baseline come first. Write `at: {}` or later",
                                           step.name, timeText(step.at), timeText(load.warmUp),
                                           timeText(load.warmUp + kLeastBaseline))});
    }
    checkRadius(drill, problems);
    const auto processes = processesOf(drill.shop);
    const auto isProcess = [&](const std::string &name) {
        return std::find(processes.begin(), processes.end(), name) != processes.end();
    };
    std::vector<std::string> names = switchableResponses();
    for (const auto &response : drill.responses) {
        names.push_back(response.name);
        for (const auto &target : {response.target, response.whenTarget})
            if (!target.empty() && !isProcess(target)
                && !(response.verb == "alert" && target == response.target)
                && !(response.verb == "retrain" && target == kWholeShop))
                problems.push_back(
                    {response.place, fmt::format("The target `{}` of the response `{}` is not in "
                                                 "this shop{}; there are {}",
                                                 target, response.name, hint(target, processes),
                                                 joined(processes))});
    }
    for (const auto &name : drill.keyResponse)
        if (std::find(names.begin(), names.end(), name) == names.end())
            problems.push_back({{},
                                fmt::format("`key-response` names `{}`, which is no response "
                                            "that can be switched off{}; there are {}",
                                            name, hint(name, names), joined(names))});
}

std::vector<LintLine> lint(const Drill &drill)
{
    std::vector<LintLine> lines;
    const auto say = [&](std::string subject, bool ok, std::string text, SourcePlace place = {}) {
        lines.push_back({std::move(subject), ok, std::move(text), place});
    };
    const bool breaks = !drill.method.empty();
    say("guard", !breaks || !drill.guards.empty(),
        !breaks                ? "nothing is broken, so no guard is needed"
        : drill.guards.empty() ? "no guard: nothing stops the drill when it goes wrong; add "
                                 "`guards: [{when: \"gateway.failed > 20 % for 5s\", do: halt}]`"
                               : fmt::format("stops when {}", drill.guards.front().text));
    say("undo", true, breaks ? "every fault is undone on every way out" : "nothing to undo");
    std::set<std::string> hit;
    bool overridden = false;
    for (const auto &step : drill.method) {
        if (const auto replica = replicaOf(step.target); !replica.empty())
            hit.insert(replica);
        if (step.target == kWholeShop)
            for (int i = 1; i <= drill.shop.replicas; ++i)
                hit.insert(fmt::format("replica/{}", i));
        overridden = overridden || step.overrideLastHealthy;
    }
    say("radius", !overridden,
        overridden ? "the radius rules are overridden: the last healthy replica may be broken"
                   : fmt::format("{} of {} replicas", hit.size(), drill.shop.replicas));
    bool capped = true;
    for (const auto &step : drill.method) {
        const auto *fault = knownFault(step.fault);
        if (!fault || !fault->lasts || step.duration)
            continue;
        capped = false;
        say("cap", false,
            fmt::format("`{}` has no duration: it lasts until the cap of 5 min or the run's end; "
                        "add `duration: 15s`",
                        step.name),
            step.place);
    }
    if (capped)
        say("cap", true, "every fault has an end");
    // Hints: they refuse nothing.
    for (const auto &step : drill.method) {
        const auto *fault = knownFault(step.fault);
        const auto lasting = fault && fault->lasts ? step.duration.value_or(Micros{0}) : Micros{0};
        const auto rto = drill.verdict.rto
                             ? Micros{static_cast<std::int64_t>(drill.verdict.rto->value * 1e6)}
                             : Micros{0};
        const auto needed = step.at + lasting + rto + drill.verdict.hold;
        if (drill.load.length < needed)
            say("length", false,
                fmt::format("`length: {}` is short for `{}`: at + duration + rto + hold = {}; the "
                            "run may end INCONCLUSIVE",
                            timeText(drill.load.length), step.name, timeText(needed)),
                step.place);
    }
    if (breaks && drill.keyResponse.empty())
        say("key-response", false,
            "no `key-response`: nobody can prove that the drill fails "
            "without its response; name them");
    if (drill.description.empty())
        say("description", false,
            "no description: say what happens and what users must not notice");
    return lines;
}

} // namespace engine
