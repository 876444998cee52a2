#include "app/console/run_lists.h"

#include "engine/drill/drill_file.h"
#include "engine/recording/open.h"

namespace console {

std::vector<engine::DrillSummary> listDrillSummaries(const engine::Paths &paths)
{
    std::vector<engine::DrillSummary> summaries;
    for (const auto &listed : engine::listDrills(paths.drills)) {
        engine::DrillSummary summary;
        summary.id = listed.id;
        summary.path = listed.path;
        summary.title = listed.drill.title;
        summary.description = listed.drill.description;
        summary.tags = listed.drill.tags;
        summary.seconds = static_cast<double>(listed.drill.load.length.count()) / 1e6;
        summary.error = listed.error;
        summaries.push_back(std::move(summary));
    }
    return summaries;
}

RunList::RunList(engine::Paths paths, const engine::Clock &clock)
    : m_paths(std::move(paths)), m_clock(clock)
{
}

std::vector<engine::RecordingSummary> RunList::read()
{
    std::vector<engine::RecordingSummary> summaries;
    for (const auto &listed : engine::listRecordings(m_paths.recordings(), m_clock)) {
        if (listed.idle)
            continue;
        if (summaries.size() == kMost)
            break;
        const auto key = std::pair(listed.path.string(), listed.bytes);
        {
            const std::lock_guard lock(m_mutex);
            if (const auto known = m_known.find(key); known != m_known.end() && listed.closed) {
                summaries.push_back(known->second);
                continue;
            }
        }
        engine::RecordingSummary summary;
        summary.path = listed.path.string();
        summary.run = listed.run;
        summary.drill = listed.title;
        summary.shop = listed.shop;
        summary.wall = listed.wall;
        summary.seconds = static_cast<double>(listed.length) / 1e6;
        summary.closed = listed.closed;
        summary.error = listed.problem;
        if (listed.closed && listed.problem.empty()) {
            if (auto folded = engine::foldFile(listed.path, m_clock)) {
                summary.verdict = folded->state.verdict();
                summary.synthetic = folded->state.run.synthetic;
                if (summary.wall == 0)
                    summary.wall = folded->state.run.wall;
            } else {
                summary.error = folded.error().text();
            }
            const std::lock_guard lock(m_mutex);
            m_known[key] = summary;
        }
        summaries.push_back(std::move(summary));
    }
    return summaries;
}

} // namespace console
