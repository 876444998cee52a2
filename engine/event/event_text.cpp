// What an event says to people and to other programs.

#include "engine/event/event.h"

#include <cmath>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace engine {
namespace {

using Json = nlohmann::ordered_json;

std::string withDetail(std::string text, const std::string &detail)
{
    return detail.empty() ? text : text + " (" + detail + ")";
}

std::string text(const RunStarted &e)
{
    return withDetail("Run " + e.runId + " of shop " + e.shop + " started",
                      e.synthetic ? "synthetic data" : "");
}
std::string text(const PhaseChanged &e)
{
    return fmt::format("Phase: {}", name(e.phase));
}
std::string text(const ProcessChanged &e)
{
    return withDetail(fmt::format("{} is {}", e.target, name(e.state)), e.detail);
}
std::string text(const FaultChanged &e)
{
    static constexpr std::array<std::string_view, 8> kForms = {
        "{} on {} is about to be applied",  "{} applied to {}",
        "{} on {} confirmed by its effect", "{} on {} was not seen to take hold",
        "{} on {} is being undone",         "{} on {} is undone",
        "{} on {} could not be undone",     "{} on {} was refused"};
    const auto index = std::min<std::size_t>(static_cast<std::size_t>(e.state), kForms.size() - 1);
    return withDetail(fmt::format(fmt::runtime(kForms[index]), e.fault, e.target), e.detail);
}
std::string text(const ResponseChanged &e)
{
    return withDetail(fmt::format("Response {} {} {}{}", e.kind, e.active ? "of" : "ended for",
                                  e.target, e.by.empty() ? "" : " by " + e.by),
                      e.detail);
}
std::string text(const AlertChanged &e)
{
    return fmt::format("{} is {} its rule {} (read {:.4g})", e.indicator,
                       e.firing ? "outside" : "inside", e.rule, e.value);
}
std::string text(const OperatorActed &e)
{
    const std::string who = e.who.empty() ? "Operator" : e.who;
    const std::string on = e.target.empty() ? "" : " " + e.target;
    switch (e.act) {
    case Act::Note:
        return who + " noted: " + e.text;
    case Act::Acknowledge:
        return withDetail(who + " acknowledged" + on, e.text);
    case Act::Halt:
        return withDetail(who + " halted everything", e.text);
    case Act::HaltReleased:
        return withDetail(who + " released the halt", e.text);
    case Act::Undo:
        return withDetail(who + " asked to undo" + on, e.text);
    case Act::Restart:
        return withDetail(who + " asked to restart" + on, e.text);
    case Act::Skip:
        return withDetail(who + " skipped" + on, e.text);
    }
    return who;
}
std::string text(const GuardTripped &e)
{
    return "Guard tripped: " + e.rule;
}
std::string text(const HostStalled &e)
{
    return fmt::format(
        "The host stalled for {:.0f} ms on core {}",
        // Each by itself: a hostile file's times may lie further apart than an integer.
        (static_cast<double>(e.to) - static_cast<double>(e.from)) / 1000.0, e.core);
}
std::string text(const LinkChanged &e)
{
    auto line = fmt::format("{} {}", e.source, e.up ? "is heard again" : "is not heard any more");
    if (e.lost > 0)
        line += fmt::format("; {} items were lost", e.lost);
    return withDetail(line, e.detail);
}
std::string text(const RunEnded &e)
{
    return withDetail(fmt::format("Run {}", name(e.reason)), e.detail);
}
std::string text(const TrainingStarted &e)
{
    return withDetail(fmt::format("Training {} of family {} {}", e.name, e.family,
                                  e.worked > 0 ? "goes on" : "started"),
                      e.worked > 0 ? fmt::format("after {:.0f} s of work", e.worked) : "");
}
std::string text(const TrainingProgress &e)
{
    return e.part < 0 ? e.what : fmt::format("{:.0f} %: {}", 100 * e.part, e.what);
}
std::string text(const TrainingMetric &e)
{
    return fmt::format("{} at {}: {:.4g}", e.name, e.step, e.value);
}
std::string text(const TrainingNoted &e)
{
    return e.text;
}
std::string text(const TrainingSaved &e)
{
    return fmt::format("Checkpoint written after {:.0f} s of work", e.worked);
}
std::string text(const TrainingChanged &e)
{
    return withDetail(fmt::format("Training {}", name(e.state)), e.detail);
}

void fill(Json &j, const RunStarted &e)
{
    j["run_id"] = e.runId;
    j["drill_sha256"] = e.drillHash;
    j["shop"] = e.shop;
    j["application"] = e.application;
    j["build"] = e.build;
    j["seed"] = e.seed;
    j["synthetic"] = e.synthetic;
    j["wall_us"] = e.wall;
    j["start_us"] = e.start;
    j["reference"] = e.reference;
    j["switched_off"] = e.switchedOff;
}
void fill(Json &j, const PhaseChanged &e)
{
    j["phase"] = name(e.phase);
}
void fill(Json &j, const ProcessChanged &e)
{
    j["target"] = e.target;
    j["role"] = e.role;
    j["state"] = name(e.state);
    j["pid"] = e.pid;
    j["restarts"] = e.restarts;
    j["address"] = e.address;
    j["model"] = e.model;
    j["version"] = e.version;
    j["digest"] = e.digest;
    j["detail"] = e.detail;
}
void fill(Json &j, const FaultChanged &e)
{
    j["id"] = e.id;
    j["step"] = e.step;
    j["fault"] = e.fault;
    j["target"] = e.target;
    j["state"] = name(e.state);
    j["deadline_us"] = e.deadline;
    j["detail"] = e.detail;
}
void fill(Json &j, const ResponseChanged &e)
{
    j["response"] = e.kind;
    j["target"] = e.target;
    j["by"] = e.by;
    j["active"] = e.active;
    j["detail"] = e.detail;
}
void fill(Json &j, const AlertChanged &e)
{
    j["indicator"] = e.indicator;
    j["rule"] = e.rule;
    j["firing"] = e.firing;
    j["value"] = std::isfinite(e.value) ? Json(e.value) : Json(nullptr);
}
void fill(Json &j, const OperatorActed &e)
{
    j["act"] = name(e.act);
    j["who"] = e.who;
    j["target"] = e.target;
    j["text"] = e.text;
}
void fill(Json &j, const GuardTripped &e)
{
    j["rule"] = e.rule;
}
void fill(Json &j, const HostStalled &e)
{
    j["core"] = e.core;
    j["from_us"] = e.from;
    j["to_us"] = e.to;
}
void fill(Json &j, const LinkChanged &e)
{
    j["source"] = e.source;
    j["up"] = e.up;
    j["lost"] = e.lost;
    j["detail"] = e.detail;
}
void fill(Json &j, const RunEnded &e)
{
    j["reason"] = name(e.reason);
    j["detail"] = e.detail;
}
Json numberOf(double value)
{
    return std::isfinite(value) ? Json(value) : Json(nullptr);
}
void fill(Json &j, const TrainingStarted &e)
{
    j["name"] = e.name;
    j["command"] = e.command;
    j["family"] = e.family;
    j["recipe"] = e.recipe;
    j["data"] = e.data;
    j["out"] = e.out;
    j["device"] = e.device;
    j["build"] = e.build;
    j["order"] = e.order;
    j["lineage"] = e.lineage;
    j["seed"] = e.seed;
    j["threads"] = e.threads;
    j["pid"] = e.pid;
    j["worked_s"] = numberOf(e.worked);
    j["wall_us"] = e.wall;
    j["start_us"] = e.start;
}
void fill(Json &j, const TrainingProgress &e)
{
    j["what"] = e.what;
    j["part"] = e.part < 0 ? Json(nullptr) : numberOf(e.part);
    j["worked_s"] = numberOf(e.worked);
}
void fill(Json &j, const TrainingMetric &e)
{
    j["metric"] = e.name;
    j["step"] = e.step;
    j["value"] = numberOf(e.value);
    j["earlier"] = e.earlier;
}
void fill(Json &j, const TrainingNoted &e)
{
    j["text"] = e.text;
}
void fill(Json &j, const TrainingSaved &e)
{
    j["file"] = e.file;
    j["worked_s"] = numberOf(e.worked);
}
void fill(Json &j, const TrainingChanged &e)
{
    j["state"] = name(e.state);
    j["detail"] = e.detail;
    j["digest"] = e.digest;
    j["version"] = e.version;
    j["metrics"] = Json::object();
    for (const auto &[metric, value] : e.metrics)
        j["metrics"][metric] = numberOf(value);
}

} // namespace

std::string describe(const Payload &payload)
{
    return std::visit([](const auto &e) { return text(e); }, payload);
}

std::string toJson(const Event &event)
{
    Json json;
    json["kind"] = kindName(event.payload);
    json["seq"] = event.seq;
    json["t_s"] = static_cast<double>(event.t) / 1e6;
    std::visit([&](const auto &e) { fill(json, e); }, event.payload);
    if (const auto at = happenedAt(event.payload))
        json["at_us"] = *at;
    // Texts come from outside: bytes that are no UTF-8 are replaced, not thrown about.
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

} // namespace engine
