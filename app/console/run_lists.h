#pragma once
// The lists that Home shows: drills of the library, recordings with their verdicts.

#include "engine/base/clock.h"
#include "engine/base/paths.h"
#include "engine/cluster/operations.h"
#include "engine/recording/open.h"

#include <mutex>

namespace console {

[[nodiscard]] std::vector<engine::DrillSummary> listDrillSummaries(const engine::Paths &paths);

/// All runs, newest first. The newest ones are folded for their measures, each closed file once; an
/// older one shows the word its writer found. Thread-safe; the first call takes seconds.
class RunList
{
public:
    RunList(engine::Paths paths, const engine::Clock &clock);
    [[nodiscard]] std::vector<engine::RecordingSummary> read();

private:
    static constexpr std::size_t kFolded = 24;
    [[nodiscard]] engine::RecordingSummary fold(const engine::ListedRecording &listed);

    const engine::Paths m_paths;
    const engine::Clock &m_clock;
    std::mutex m_mutex;
    std::map<std::pair<std::string, std::uintmax_t>, engine::RecordingSummary>
        m_known; ///< under m_mutex
};

} // namespace console
