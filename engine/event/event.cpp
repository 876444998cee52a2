#include "engine/event/event.h"

namespace engine {
namespace {

template <class... F>
struct Overloaded : F...
{
    using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

template <class E>
bool upTo(E value, E last)
{
    return static_cast<std::uint32_t>(value) <= static_cast<std::uint32_t>(last);
}

/// Bytes of a file can hold any number where an enumeration stands.
bool isValid(const Payload &payload)
{
    return std::visit(
        Overloaded{[](const PhaseChanged &e) { return upTo(e.phase, Phase::Finished); },
                   [](const ProcessChanged &e) { return upTo(e.state, ProcessState::Stopped); },
                   [](const FaultChanged &e) { return upTo(e.state, FaultState::Refused); },
                   [](const OperatorActed &e) { return upTo(e.act, Act::Skip); },
                   [](const RunEnded &e) { return upTo(e.reason, EndReason::Errored); },
                   [](const TrainingChanged &e) { return upTo(e.state, TrainingState::Failed); },
                   [](const auto &) { return true; }},
        payload);
}

template <std::size_t I = 0>
std::optional<Payload> decodeKind(std::uint32_t kind, std::span<const std::uint8_t> data)
{
    if constexpr (I < std::variant_size_v<Payload>) {
        if (kind != I)
            return decodeKind<I + 1>(kind, data);
        auto value = decode<std::variant_alternative_t<I, Payload>>(data);
        if (!value)
            return std::nullopt;
        return Payload(std::in_place_index<I>, std::move(*value));
    } else {
        return std::nullopt;
    }
}

} // namespace

std::string_view kindName(const Payload &payload)
{
    static constexpr std::array<std::string_view, std::variant_size_v<Payload>> kNames = {
        "run",      "phase",  "process",       "fault",      "response",      "alert",
        "act",      "guard",  "stall",         "link",       "end",           "training",
        "progress", "metric", "training-note", "checkpoint", "training-state"};
    return kNames[payload.index()];
}

std::string targetOf(const Payload &payload)
{
    return std::visit(Overloaded{[](const ProcessChanged &e) { return e.target; },
                                 [](const FaultChanged &e) { return e.target; },
                                 [](const ResponseChanged &e) { return e.target; },
                                 [](const AlertChanged &e) { return e.indicator; },
                                 [](const OperatorActed &e) { return e.target; },
                                 [](const LinkChanged &e) { return e.source; },
                                 [](const TrainingStarted &e) { return e.name; },
                                 [](const TrainingMetric &e) { return e.name; },
                                 [](const auto &) { return std::string(); }},
                      payload);
}

std::optional<std::int64_t> happenedAt(const Payload &payload)
{
    return std::visit(
        Overloaded{[](const RunStarted &e) -> std::optional<std::int64_t> { return e.start; },
                   [](const HostStalled &e) -> std::optional<std::int64_t> { return e.to; },
                   [](const TrainingStarted &e) -> std::optional<std::int64_t> { return e.start; },
                   [](const auto &e) -> std::optional<std::int64_t> {
                       return e.at == 0 ? std::nullopt : std::optional(e.at);
                   }},
        payload);
}

std::optional<std::int64_t> originOf(const Payload &payload)
{
    if (const auto *run = std::get_if<RunStarted>(&payload))
        return run->start;
    if (const auto *training = std::get_if<TrainingStarted>(&payload))
        return training->start;
    return std::nullopt;
}

Bytes encodePayload(const Payload &payload)
{
    return std::visit([](const auto &e) { return encode(e); }, payload);
}

std::optional<Payload> decodePayload(std::uint32_t kind, std::span<const std::uint8_t> data)
{
    auto payload = decodeKind(kind, data);
    if (!payload || !isValid(*payload))
        return std::nullopt;
    return payload;
}

std::string_view name(Phase phase)
{
    static constexpr std::array<std::string_view, 7> kNames = {
        "preparing", "warm-up", "steady", "fault", "recovery", "holding", "finished"};
    const auto index = static_cast<std::size_t>(phase);
    return index < kNames.size() ? kNames[index] : "unknown";
}

std::string_view name(ProcessState state)
{
    static constexpr std::array<std::string_view, 7> kNames = {
        "starting", "serving", "degraded", "frozen", "down", "restarting", "stopped"};
    const auto index = static_cast<std::size_t>(state);
    return index < kNames.size() ? kNames[index] : "unknown";
}

std::string_view name(FaultState state)
{
    static constexpr std::array<std::string_view, 8> kNames = {
        "intended", "applied", "confirmed",   "unconfirmed",
        "undoing",  "undone",  "undo-failed", "refused"};
    const auto index = static_cast<std::size_t>(state);
    return index < kNames.size() ? kNames[index] : "unknown";
}

std::string_view name(Act act)
{
    static constexpr std::array<std::string_view, 7> kNames = {
        "note", "acknowledge", "halt", "halt-released", "undo", "restart", "skip"};
    const auto index = static_cast<std::size_t>(act);
    return index < kNames.size() ? kNames[index] : "unknown";
}

std::string_view name(EndReason reason)
{
    static constexpr std::array<std::string_view, 3> kNames = {"completed", "aborted", "errored"};
    const auto index = static_cast<std::size_t>(reason);
    return index < kNames.size() ? kNames[index] : "unknown";
}

std::string_view name(TrainingState state)
{
    static constexpr std::array<std::string_view, 5> kNames = {"running", "paused", "stopped",
                                                               "finished", "failed"};
    const auto index = static_cast<std::size_t>(state);
    return index < kNames.size() ? kNames[index] : "unknown";
}

} // namespace engine
