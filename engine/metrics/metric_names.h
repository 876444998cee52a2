#pragma once
// What our series are called towards Prometheus (https://prometheus.io/docs/practices/naming/):
// drillroom_PART_WHAT_total for counts, _seconds for times, a plain name for levels. The same names
// serve /metrics and the alert rules, which the agent evaluates by itself too.

#include "engine/metrics/window.h"

#include <map>
#include <optional>

namespace engine {

enum class MetricKind { Counter, Gauge, Histogram };

/// Labels are few and bounded: target, path, model_version, limit_ms, application.
using MetricLabels = std::map<std::string, std::string>;

struct MetricName
{
    std::string name, help;
    MetricKind kind = MetricKind::Gauge;
    MetricLabels labels;
};

/// Of a sample or of a sketch; nothing for percentiles, which the histogram holds already.
/// `source` as in Window: what traffic measures at the gateway's door is drillroom_shop_*.
[[nodiscard]] std::optional<MetricName> sampleMetric(std::string_view source,
                                                     std::string_view series);
[[nodiscard]] MetricName sketchMetric(std::string_view source, std::string_view series);

} // namespace engine
