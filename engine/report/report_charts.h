#pragma once
// The four charts of a report as one inline SVG on one time axis; zero is inject.

#include "engine/report/report_html.h"

namespace engine {

/// Latency (log scale, with its limit), failed and late, quality, requests by serving path; fault
/// band, phase lines; a gap stays a gap.
[[nodiscard]] std::string reportCharts(const ReportInput &input, const Verdict &verdict);

/// "+4.2 s" against `zero`, with the true minus sign.
[[nodiscard]] std::string timeText(std::int64_t t, std::int64_t zero);

} // namespace engine
