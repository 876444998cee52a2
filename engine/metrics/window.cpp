#include "engine/metrics/window.h"

#include <fmt/format.h>

namespace engine {
namespace {

bool endsWith(std::string_view text, std::string_view end)
{
    return text.ends_with(end);
}

} // namespace

SeriesInfo seriesInfo(std::string_view name)
{
    if (endsWith(name, ".p50") || endsWith(name, ".p95") || endsWith(name, ".p99")
        || endsWith(name, ".latency"))
        return {Fold::Percentile, name.find(".age.") != std::string_view::npos ? "s" : "ms"};
    if (name == series::kHostStall)
        return {Fold::Max, "ms"};
    if (name == series::kNdcg || (name.starts_with("gateway.") && endsWith(name, ".quality")))
        return {Fold::Last, "share"};
    if (name.starts_with("gateway.served.") && endsWith(name, ".coverage"))
        return {Fold::Last, "share"};
    if (name.starts_with("gateway.served.")) // sums over answers, by path and model version
        return {Fold::Sum, endsWith(name, ".answers") || endsWith(name, ".hits") ? "requests" : ""};
    if (name.find("golden.") != std::string_view::npos)
        return {Fold::Last, "share"};
    if (name.starts_with("gateway.")
        && (endsWith(name, ".earned") || endsWith(name, ".expected"))) // also of an application
        return {Fold::Sum, ""};
    if (name.starts_with(series::kSlowPrefix) || name.starts_with("gateway.path."))
        return {Fold::Sum, "requests"};
    if (name == "store.acked" || endsWith(name, ".appends"))
        return {Fold::Sum, "events"};
    for (const std::string_view counted :
         {".requests", ".answered", ".failed", ".late", ".ejections", ".ejected", ".retries",
          ".hedges", ".fallbacks", ".fallback", ".refused", ".missed", ".skipped", ".appended"})
        if (endsWith(name, counted))
            return {Fold::Sum, "requests"};
    return {};
}

std::string slowSeries(double limitMillis)
{
    // {:g} never prints trailing zeros; limits of drills have few digits.
    return fmt::format("{}{:.10g}", series::kSlowPrefix, limitMillis);
}

} // namespace engine
