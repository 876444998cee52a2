#pragma once
// One self-contained page about one run, for people who were not there: verdict, measures, charts,
// timeline, hashes, definitions. No script, no font and no picture from outside.

#include "engine/event/timeline.h"

#include <string>
#include <vector>

namespace engine {

/// Everything the page says. Values only; `state` is the fold of the whole recording.
struct ReportInput
{
    RunState state;
    std::vector<Event> events;
    /// The series of reportSeries() over the whole recording, in bins of >= 1 s where it is long
    /// enough (as TimelineSnapshot holds them).
    std::int64_t from = 0, binWidth = 1'000'000;
    std::vector<SeriesBins> series;
    bool closed = true;       ///< false: says that the recording is torn
    std::string file, signer; ///< name of the recording; public key that sealed it, or ""
    std::string sealSentence; ///< what verification said, or ""
};

/// Names of the series that the four charts draw.
[[nodiscard]] std::vector<std::string> reportSeries();

/// UTF-8 HTML; every text of the recording is escaped.
[[nodiscard]] std::string reportHtml(const ReportInput &input);

/// & < > " ' as entities; other control characters than newline and tab are dropped.
[[nodiscard]] std::string escapeHtml(std::string_view text);

} // namespace engine
