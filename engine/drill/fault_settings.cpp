#include "engine/drill/fault_settings.h"

#include "engine/drill/drill_values.h"

#include <cmath>
#include <fmt/format.h>

namespace engine {
namespace {

constexpr Micros kLongestDelay{60'000'000};

/// The statuses that a caller must be ready for; names as in the gRPC documentation.
const std::map<std::string, int> &statuses()
{
    static const std::map<std::string, int> all{
        {"CANCELLED", 1},          {"UNKNOWN", 2},      {"INVALID_ARGUMENT", 3},
        {"DEADLINE_EXCEEDED", 4},  {"NOT_FOUND", 5},    {"PERMISSION_DENIED", 7},
        {"RESOURCE_EXHAUSTED", 8}, {"ABORTED", 10},     {"UNIMPLEMENTED", 12},
        {"INTERNAL", 13},          {"UNAVAILABLE", 14}, {"DATA_LOSS", 15}};
    return all;
}

std::string valueOf(const std::map<std::string, std::string> &settings, const std::string &name,
                    const std::string &standard)
{
    const auto found = settings.find(name);
    return found == settings.end() ? standard : found->second;
}

} // namespace

Result<CallSettings> readCallSettings(const std::string &fault,
                                      const std::map<std::string, std::string> &settings)
{
    CallSettings read;
    if (fault == "model.slow") {
        const auto text = valueOf(settings, "delay", "");
        const auto delay = parseTime(text);
        if (!delay || *delay < Micros{1'000} || *delay > kLongestDelay)
            return fail(ErrorCode::InvalidInput,
                        fmt::format("`delay: {}` of model.slow must be a time from 1ms to 60s, as "
                                    "in `delay: 500ms`",
                                    text));
        read.delay = *delay;
        return read;
    }
    const auto code = valueOf(settings, "code", "UNAVAILABLE");
    const auto found = statuses().find(code);
    if (found == statuses().end()) {
        std::vector<std::string> names;
        for (const auto &[name, number] : statuses())
            names.push_back(name);
        return fail(ErrorCode::InvalidInput,
                    fmt::format("`code: {}` of model.error is no gRPC status that a server "
                                "answers with{}",
                                code, hint(code, names)));
    }
    read.status = found->second;
    const auto text = valueOf(settings, "share", "100 %");
    const auto share = parseShare(text);
    if (!share || *share <= 0 || *share > 1)
        return fail(ErrorCode::InvalidInput,
                    fmt::format("`share: {}` of model.error must be above 0 and at most 100 %, as "
                                "in `share: 50 %`",
                                text));
    read.share = *share;
    return read;
}

Result<CorruptSettings> readCorruptSettings(const std::map<std::string, std::string> &settings)
{
    CorruptSettings read;
    if (settings.contains("bytes") && settings.contains("rows"))
        return fail(ErrorCode::InvalidInput,
                    "`bytes` and `rows` of model.corrupt exclude each other; keep one of them");
    if (settings.contains("bytes")) {
        const auto text = valueOf(settings, "bytes", "");
        const auto count = parseNumber(text);
        if (!count || *count < 1 || *count > 1e9 || *count != std::floor(*count))
            return fail(ErrorCode::InvalidInput,
                        fmt::format("`bytes: {}` of model.corrupt must be a whole number from 1 "
                                    "up, as in `bytes: 4096`",
                                    text));
        read.bytes = static_cast<std::uint64_t>(*count);
    }
    if (settings.contains("rows")) {
        const auto text = valueOf(settings, "rows", "");
        const auto share = parseShare(text);
        if (!share || *share <= 0 || *share > 1)
            return fail(ErrorCode::InvalidInput,
                        fmt::format("`rows: {}` of model.corrupt must be above 0 and at most "
                                    "100 %, as in `rows: 50 %`",
                                    text));
        read.rows = *share;
    }
    return read;
}

Result<std::string> readBadModel(const std::map<std::string, std::string> &settings)
{
    const auto text = valueOf(settings, "model", "shuffled");
    if (text != "shuffled" && text != "under-trained")
        return fail(ErrorCode::InvalidInput,
                    fmt::format("`model: {}` of model.bad-deploy must be `shuffled` (trained on "
                                "shuffled labels) or `under-trained`",
                                text));
    return text;
}

Result<> checkSettings(const std::string &fault, const std::map<std::string, std::string> &settings)
{
    if (fault == "model.slow" || fault == "model.error")
        DR_RETURN_IF_ERROR(readCallSettings(fault, settings));
    if (fault == "model.bad-deploy")
        DR_RETURN_IF_ERROR(readBadModel(settings));
    if (fault == "model.corrupt")
        DR_RETURN_IF_ERROR(readCorruptSettings(settings));
    return {};
}

} // namespace engine
