#include "app/console/run_lists.h"

#include "engine/drill/drill_file.h"

namespace console {

namespace {

/// A recording of a day is not folded for a line in a list.
constexpr std::uintmax_t kMostBytes = 64u << 20;

engine::RecordingSummary summaryOf(const engine::ListedRecording &listed)
{
    engine::RecordingSummary summary;
    summary.path = listed.path.string();
    summary.run = listed.run;
    summary.drill = listed.title;
    summary.shop = listed.shop;
    summary.wall = listed.wall;
    summary.seconds = static_cast<double>(listed.length) / 1e6;
    summary.closed = listed.closed;
    summary.error = listed.problem;
    return summary;
}

std::optional<engine::Word> wordOf(const std::string &text)
{
    using enum engine::Word;
    for (const auto word : {Pass, Fail, Inconclusive, Aborted, Errored})
        if (engine::name(word) == text)
            return word;
    return std::nullopt;
}

} // namespace

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

engine::RecordingSummary RunList::fold(const engine::ListedRecording &listed)
{
    const auto key = std::pair(listed.path.string(), listed.bytes);
    {
        const std::lock_guard lock(m_mutex);
        if (const auto known = m_known.find(key); known != m_known.end())
            return known->second;
    }
    auto summary = summaryOf(listed);
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
    return summary;
}

std::vector<engine::RecordingSummary> RunList::read()
{
    std::vector<engine::RecordingSummary> summaries;
    std::size_t folded = 0;
    for (const auto &listed : engine::listRecordings(m_paths.recordings(), m_clock)) {
        if (listed.idle)
            continue;
        const bool whole = listed.closed && listed.problem.empty();
        if (whole && listed.bytes <= kMostBytes && folded < kFolded) {
            ++folded;
            summaries.push_back(fold(listed));
            continue;
        }
        auto summary = summaryOf(listed);
        if (const auto word = wordOf(listed.word)) {
            summary.verdict.emplace();
            summary.verdict->word = *word;
        }
        summaries.push_back(std::move(summary));
    }
    return summaries;
}

} // namespace console
