#include "engine/metrics/metric_names.h"

#include "engine/metrics/application_series.h"

#include <algorithm>

namespace engine {
namespace {

struct Help
{
    std::string_view name, text;
};

constexpr Help kHelp[] = {
    {"drillroom_shop_requests_total", "Requests that were due, by the schedule of the load"},
    {"drillroom_shop_answered_total", "Requests that were answered or given up"},
    {"drillroom_shop_failed_total", "Requests answered with an error or not within a second"},
    {"drillroom_shop_late_total", "Requests answered after their deadline"},
    {"drillroom_shop_slow_total", "Answers slower than the limit in milliseconds"},
    {"drillroom_shop_earned_total", "Quality earned by the answers"},
    {"drillroom_shop_expected_total",
     "Quality that the reference model earns on the same requests"},
    {"drillroom_shop_served_total", "Answers by serving path"},
    {"drillroom_shop_latency_seconds", "Latency at the gateway's door, from the scheduled send"},
    {"drillroom_shop_quality", "Earned over expected quality in the last window"},
    {"drillroom_traffic_appended_total", "Labels that the store acknowledged"},
    {"drillroom_application_requests_total", "Requests of an application that were due"},
    {"drillroom_application_answered_total", "Requests of an application answered or given up"},
    {"drillroom_application_failed_total", "Requests of an application that failed"},
    {"drillroom_application_earned_total", "Quality earned by the answers of an application"},
    {"drillroom_application_expected_total",
     "Quality that the application's reference model earns on the same requests"},
    {"drillroom_application_quality", "Earned over expected quality of the last ten seconds"},
    {"drillroom_store_acked_total", "Appends acknowledged"},
    {"drillroom_store_seq", "Sequence number of the newest durable event"},
    {"drillroom_store_shipped", "Sequence number up to which a restore brings everything back"},
    {"drillroom_store_backup", "Sequence number of the newest complete backup"},
    {"drillroom_store_disk_bytes", "Size of data, backups and log"},
    {"drillroom_store_append_age_seconds", "Time since the last acknowledged append"},
    {"drillroom_store_latency_seconds", "Time to answer a read"},
    {"drillroom_store_age_seconds", "Time from an append's arrival until it is durable"},
    {"drillroom_golden_quality",
     "Earned on the golden set, of what the reference model earns there"},
    {"drillroom_golden_low", "Lower end of the 95 % band of the golden quality"},
    {"drillroom_golden_high", "Upper end of the 95 % band of the golden quality"},
    {"up", "1 while the process serves"},
};

std::string underscored(std::string_view text)
{
    std::string out(text);
    std::replace_if(
        out.begin(), out.end(),
        [](char c) { return !((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')); }, '_');
    return out;
}

/// "replica" of "replica/2".
std::string_view roleOf(std::string_view target)
{
    return target.substr(0, target.find('/'));
}

MetricName finish(MetricName metric, std::string_view series)
{
    for (const auto &help : kHelp)
        if (help.name == metric.name)
            metric.help = help.text;
    if (metric.help.empty())
        metric.help = "Drillroom's series " + std::string(series);
    return metric;
}

/// What is left of the series without its owner, and whose it is.
std::string_view split(std::string_view source, std::string_view series, std::string &part)
{
    const auto after = [&](std::string_view prefix) {
        return series.starts_with(prefix) ? series.substr(prefix.size()) : std::string_view();
    };
    if (source == "traffic") {
        if (const auto rest = after("gateway."); !rest.empty()) {
            part = "shop";
            return rest;
        }
    }
    part = std::string(roleOf(source));
    if (const auto rest = after("gateway.self."); !rest.empty())
        return rest;
    if (const auto rest = after(std::string(source) + "."); !rest.empty())
        return rest;
    return series;
}

} // namespace

std::optional<MetricName> sampleMetric(std::string_view source, std::string_view series)
{
    const auto info = seriesInfo(series);
    if (info.fold == Fold::Percentile)
        return {};
    MetricName metric;
    metric.labels["target"] = source;
    if (series.ends_with(".up")) {
        const auto target = series.substr(0, series.size() - 3);
        metric.name = "up";
        metric.labels = {{"role", std::string(roleOf(target))}, {"target", std::string(target)}};
        return finish(std::move(metric), series);
    }
    if (const auto at = series.find("golden."); at != std::string_view::npos) {
        if (at > 0)
            metric.labels = {{"role", std::string(roleOf(series.substr(0, at - 1)))},
                             {"target", std::string(series.substr(0, at - 1))}};
        metric.name = "drillroom_golden_" + std::string(series.substr(at + 7));
        return finish(std::move(metric), series);
    }
    std::string part;
    auto rest = split(source, series, part);
    if (part == "shop" && rest.starts_with("path.")) {
        metric.labels["path"] = rest.substr(5);
        rest = "served";
    } else if (part == "shop" && rest.starts_with("slow.")) {
        metric.labels["limit_ms"] = rest.substr(5);
        rest = "slow";
    } else if (part == "shop" && rest.starts_with("served.")) {
        // served.PATH.VERSION.WHAT (traffic_ledger.h)
        const auto path = rest.substr(7, rest.find('.', 7) - 7);
        const auto last = rest.rfind('.');
        metric.labels["path"] = path;
        metric.labels["model_version"] = rest.substr(8 + path.size(), last - 8 - path.size());
        const bool isCount = info.fold == Fold::Sum;
        metric.name =
            "drillroom_model_" + underscored(rest.substr(last + 1)) + (isCount ? "_total" : "");
        metric.kind = isCount ? MetricKind::Counter : MetricKind::Gauge;
        return finish(std::move(metric), series);
    }
    // gateway.APPLICATION.WHAT
    if (const auto dot = rest.find('.');
        part == "shop" && dot != std::string_view::npos && isApplicationName(rest.substr(0, dot))) {
        metric.labels["application"] = rest.substr(0, dot);
        rest = rest.substr(dot + 1);
        part = "application";
    }
    metric.name = "drillroom_" + underscored(part) + "_" + underscored(rest);
    if (info.fold == Fold::Sum) {
        metric.kind = MetricKind::Counter;
        metric.name += "_total";
    } else if (series == "store.disk") {
        metric.name += "_bytes";
    } else if (series == "store.append.age") {
        metric.name += "_seconds";
    }
    return finish(std::move(metric), series);
}

MetricName sketchMetric(std::string_view source, std::string_view series)
{
    MetricName metric;
    metric.kind = MetricKind::Histogram;
    metric.labels["target"] = source;
    std::string part;
    const auto rest = split(source, series, part);
    metric.name = "drillroom_" + underscored(part) + "_" + underscored(rest) + "_seconds";
    return finish(std::move(metric), series);
}

} // namespace engine
