#pragma once
// Gives what a recording holds to other programs: spreadsheets, scripts, trace viewers, Prometheus.
// One pass over the file, memory independent of its length.

#include "engine/base/clock.h"
#include "engine/base/error.h"

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace engine {

enum class ExportFormat {
    Csv,        ///< OUT: a row per 100 ms, a column per series; OUT's stem + ".events.csv": events
    JsonLines,  ///< one object per line, events and rows in the order of the fold
    Perfetto,   ///< trace event JSON: ui.perfetto.dev and chrome://tracing open it
    Prometheus, ///< text format 0.0.4 with timestamps, for promtool and push gateways
    OpenMetrics ///< for `promtool tsdb create-blocks-from openmetrics`
};
[[nodiscard]] std::optional<ExportFormat> exportFormat(std::string_view name);

struct ExportOptions
{
    ExportFormat format = ExportFormat::Csv;
    std::filesystem::path out;
    std::int64_t from = INT64_MIN, to = INT64_MAX; ///< us since t = 0
    std::vector<std::string> series;               ///< empty = all
    /// Prometheus and OpenMetrics: one sample per so much time.
    std::int64_t every = 1'000'000;
    /// Asked now and then with the share that is done; false stops.
    std::function<bool(double)> goOn;
};

struct ExportReport
{
    std::vector<std::filesystem::path> files;
    std::uint64_t events = 0, rows = 0;
    std::vector<std::string> notes;
};

/// Files appear whole or not at all. Errors: NotFound (a series), InvalidInput (the recording), Io.
[[nodiscard]] Result<ExportReport> exportRecording(const std::filesystem::path &path,
                                                   const ExportOptions &options,
                                                   const Clock &clock);

} // namespace engine
