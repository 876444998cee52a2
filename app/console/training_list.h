#pragma once
// The recordings of trainings of this home, each folded to its end. Thread-safe; reads files.

#include "engine/base/clock.h"
#include "engine/base/paths.h"
#include "engine/cluster/trainings.h"

#include <map>
#include <mutex>

namespace console {

class TrainingList
{
public:
    TrainingList(engine::Paths paths, const engine::Clock &clock);
    /// Newest first, at most 100. A file that has not changed is not read again. `isOurs` of the
    /// result is left to the caller.
    [[nodiscard]] std::vector<engine::TrainingSummary> read();
    /// One of them by its recording; null state when it cannot be read.
    [[nodiscard]] engine::TrainingSummary find(const std::string &recording);

    /// From elsewhere; false when it is none of a training.
    bool add(const std::string &recording);

private:
    struct Known
    {
        std::string stamp; ///< size and time of the file and its log
        bool closed = false;
        engine::TrainingSummary summary;
    };
    const engine::Paths m_paths;
    const engine::Clock &m_clock;
    std::mutex m_mutex;
    std::map<std::string, Known> m_known; ///< by path, under m_mutex
    std::vector<std::string> m_added;     ///< under m_mutex
};

} // namespace console
