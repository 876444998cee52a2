#include "app/composition/report.h"

#include "engine/recording/open.h"
#include "engine/recording/verify.h"
#include "engine/report/report_html.h"

namespace app {

engine::Result<std::string> reportOf(const std::filesystem::path &recording)
{
    const auto &clock = engine::systemClock();
    auto run = engine::foldFile(recording, clock);
    if (!run)
        return tl::unexpected(run.error());
    std::int64_t from = 0, to = 0;
    DR_RETURN_IF_ERROR(
        engine::readRows(recording, clock, INT64_MIN, INT64_MAX, [&](const engine::RowView &row) {
            if (to == 0)
                from = row.t;
            to = row.t;
        }));
    const auto bins = engine::readSeries(recording, clock, from, to, 400, engine::reportSeries());
    if (!bins)
        return tl::unexpected(bins.error());
    const auto verified = engine::verifyRecording(recording, clock);
    engine::ReportInput input;
    input.state = std::move(run->state);
    input.events = std::move(run->events);
    input.from = bins->from;
    input.binWidth = bins->binWidth;
    input.series = bins->series;
    input.closed = run->closed;
    input.file = recording.filename().string();
    input.signer = verified.signer;
    input.sealSentence = verified.sentence;
    return engine::reportHtml(input);
}

} // namespace app
