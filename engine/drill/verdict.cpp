#include "engine/drill/verdict.h"

#include <nlohmann/json.hpp>

namespace engine {
namespace {

using Json = nlohmann::ordered_json;

template <class T>
Json orNull(const std::optional<T> &value)
{
    return value ? Json(*value) : Json(nullptr);
}

Json seconds(const std::optional<std::int64_t> &micros)
{
    return micros ? Json(static_cast<double>(*micros) / 1e6) : Json(nullptr);
}

} // namespace

std::string_view name(Word word)
{
    switch (word) {
    case Word::Pass:
        return "PASS";
    case Word::Fail:
        return "FAIL";
    case Word::Inconclusive:
        return "INCONCLUSIVE";
    case Word::Aborted:
        return "ABORTED";
    case Word::Errored:
        return "ERRORED";
    case Word::Running:
        return "RUNNING";
    }
    return "ERRORED";
}

int exitCode(Word word)
{
    switch (word) {
    case Word::Pass:
        return 0;
    case Word::Fail:
        return 1;
    case Word::Inconclusive:
    case Word::Running:
        return 3;
    case Word::Aborted:
    case Word::Errored:
        return 6;
    }
    return 6;
}

std::string toJson(const Verdict &verdict)
{
    Json json;
    json["verdict"] = name(verdict.word);
    json["sentence"] = verdict.sentence;
    json["reason"] = verdict.reason.empty() ? Json(nullptr) : Json(verdict.reason);
    json["reason_at_s"] = seconds(verdict.reasonAt);
    json["rto_s"] = orNull(verdict.rtoSeconds);
    json["rpo_events"] = orNull(verdict.rpoEvents);
    json["rpo_s"] = orNull(verdict.rpoSeconds);
    json["budget"] = orNull(verdict.budget);
    json["quality"] = orNull(verdict.quality);
    json["detect_s"] = orNull(verdict.detectSeconds);
    json["undo_s"] = orNull(verdict.undoSeconds);
    json["confirm_s"] = orNull(verdict.confirmSeconds);
    // A drill that breaks nothing has nothing to confirm: null, not a false alarm.
    json["inject_confirmed"] = verdict.faults ? Json(verdict.injectConfirmed) : Json(nullptr);
    json["undo_verified"] = verdict.faults ? Json(verdict.undoVerified) : Json(nullptr);
    json["episodes"] = verdict.episodes;
    json["requests"] = verdict.requests;
    json["failed"] = verdict.failed;
    json["late"] = verdict.late;
    json["windows"] = verdict.windows;
    json["windows_masked"] = verdict.masked;
    json["host_noise"] = verdict.hostNoise;
    const auto &m = verdict.marks;
    json["marks"] =
        Json{{"inject_s", seconds(m.inject)},     {"impact_s", seconds(m.impact)},
             {"detect_s", seconds(m.detect)},     {"acknowledge_s", seconds(m.acknowledge)},
             {"mitigate_s", seconds(m.mitigate)}, {"clear_s", seconds(m.clear)},
             {"steady_s", seconds(m.steady)}};
    auto measures = Json::array();
    for (const auto &measure : verdict.measures) {
        measures.push_back(Json{{"name", measure.name},
                                {"rule", measure.rule},
                                {"value", orNull(measure.value)},
                                {"unit", measure.unit},
                                {"verdict", name(measure.verdict)},
                                {"worst", orNull(measure.worst)},
                                {"limit_used", orNull(measure.limitUsed)},
                                {"detail", measure.detail}});
    }
    json["measures"] = std::move(measures);
    // A recording's text may hold any bytes; the JSON stays valid.
    return json.dump(2, ' ', false, Json::error_handler_t::replace);
}

} // namespace engine
