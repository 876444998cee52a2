#include "engine/agent/wire.h"

#include "engine/serving/node_server.h"

#include <nlohmann/json.hpp>

namespace engine::wire {
namespace {

using nlohmann::json;

std::string asText(const Bytes &bytes)
{
    return {reinterpret_cast<const char *>(bytes.data()), bytes.size()};
}

std::span<const std::uint8_t> asBytes(const std::string &text)
{
    return {reinterpret_cast<const std::uint8_t *>(text.data()), text.size()};
}

} // namespace

proto::SwitchesRequest toProto(const Switches &switches)
{
    proto::SwitchesRequest request;
    request.set_fields(asText(encode(switches)));
    return request;
}

Result<Switches> fromProto(const proto::SwitchesRequest &request)
{
    const auto switches = decode<Switches>(asBytes(request.fields()));
    if (!switches)
        return fail(ErrorCode::InvalidInput, "The switches are not of this version");
    return *switches;
}

proto::ApplyFaultRequest toProto(const FaultSpec &spec)
{
    proto::ApplyFaultRequest request;
    request.set_id(spec.id);
    request.set_step(spec.step);
    request.set_fault(spec.fault);
    request.set_target(spec.target);
    for (const auto &[name, value] : spec.settings)
        (*request.mutable_settings())[name] = value;
    request.set_duration_us(spec.duration ? spec.duration->count() : 0);
    request.set_override_last_healthy(spec.overrideLastHealthy);
    request.set_seed(spec.seed);
    return request;
}

FaultSpec fromProto(const proto::ApplyFaultRequest &request)
{
    FaultSpec spec;
    spec.id = request.id();
    spec.step = request.step();
    spec.fault = request.fault();
    spec.target = request.target();
    spec.settings.insert(request.settings().begin(), request.settings().end());
    if (request.duration_us() != 0)
        spec.duration = Micros{request.duration_us()};
    spec.overrideLastHealthy = request.override_last_healthy();
    spec.seed = request.seed();
    return spec;
}

proto::News toProto(const NewsItem &item)
{
    proto::News news;
    if (const auto *payload = std::get_if<Payload>(&item)) {
        news.mutable_event()->set_kind(static_cast<std::uint32_t>(payload->index()));
        news.mutable_event()->set_payload(asText(encodePayload(*payload)));
    } else {
        news.set_window(asText(encode(std::get<Window>(item))));
    }
    return news;
}

std::optional<NewsItem> fromProto(const proto::News &news)
{
    if (news.has_event()) {
        if (auto payload = fromProto(news.event()))
            return NewsItem{std::move(*payload)};
        return {};
    }
    if (auto window = windowFrom(news.window()))
        return NewsItem{std::move(*window)};
    return {};
}

std::optional<Payload> fromProto(const proto::EventRecord &record)
{
    return decodePayload(record.kind(), asBytes(record.payload()));
}

std::optional<Window> windowFrom(const std::string &bytes)
{
    return decode<Window>(asBytes(bytes));
}

proto::Outcome toProto(const Result<> &result)
{
    proto::Outcome outcome;
    outcome.set_ok(result.has_value());
    if (!result) {
        outcome.set_code(static_cast<std::uint32_t>(result.error().code));
        outcome.set_message(briefly(result.error().text()));
    }
    return outcome;
}

Result<> fromProto(const proto::Outcome &outcome)
{
    if (outcome.ok())
        return {};
    const auto code = outcome.code() <= static_cast<std::uint32_t>(ErrorCode::Internal)
                          ? static_cast<ErrorCode>(outcome.code())
                          : ErrorCode::Internal;
    return fail(code, outcome.message());
}

std::string toJson(const ShopStatus &status)
{
    json processes = json::array();
    for (const auto &process : status.processes)
        processes.push_back({{"name", process.name},
                             {"role", process.role},
                             {"pid", process.pid},
                             {"address", process.address},
                             {"state", process.state},
                             {"restarts", process.restarts},
                             {"model", process.model},
                             {"version", process.version},
                             {"digest", process.digest},
                             {"attached", process.attached},
                             {"log", process.log}});
    return json{{"name", status.name},
                {"state", status.state},
                {"application", status.application},
                {"applications", status.applications},
                {"replicas", status.replicas},
                {"standby", status.standby},
                {"stays", status.stays},
                {"synthetic", status.synthetic},
                {"reference", status.reference},
                {"processes", processes}}
        .dump(-1, ' ', true, json::error_handler_t::replace);
}

Result<ShopStatus> statusFrom(const std::string &text)
{
    try {
        const auto from = json::parse(text);
        ShopStatus status;
        from.at("name").get_to(status.name);
        from.at("state").get_to(status.state);
        from.at("application").get_to(status.application);
        from.at("applications").get_to(status.applications);
        from.at("replicas").get_to(status.replicas);
        from.at("standby").get_to(status.standby);
        from.at("stays").get_to(status.stays);
        from.at("synthetic").get_to(status.synthetic);
        from.at("reference").get_to(status.reference);
        for (const auto &one : from.at("processes")) {
            ProcessStatus process;
            one.at("name").get_to(process.name);
            one.at("role").get_to(process.role);
            one.at("pid").get_to(process.pid);
            one.at("address").get_to(process.address);
            one.at("state").get_to(process.state);
            one.at("restarts").get_to(process.restarts);
            one.at("model").get_to(process.model);
            one.at("version").get_to(process.version);
            one.at("digest").get_to(process.digest);
            one.at("attached").get_to(process.attached);
            one.at("log").get_to(process.log);
            status.processes.push_back(std::move(process));
        }
        return status;
    } catch (const json::exception &error) {
        return fail(ErrorCode::Internal,
                    std::string("The agent's shop status cannot be read: ") + error.what());
    }
}

} // namespace engine::wire
