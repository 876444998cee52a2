#pragma once
// A training as a recording: everything it says becomes an event, sealed as a run's are. One file
// per process that trains; one that goes on from a checkpoint begins with the points of the part
// before, so that each file shows the whole curve. Thread of the job only; the disk is the
// recorder's.

#include "engine/base/clock.h"
#include "engine/base/digest.h"
#include "engine/base/error.h"
#include "engine/event/training_events.h"

#include <filesystem>
#include <memory>

namespace engine {
class Recorder;
}

namespace app {

class TrainingRecord
{
public:
    /// Makes the file and writes the first event; `clock` outlives it.
    [[nodiscard]] static engine::Result<std::unique_ptr<TrainingRecord>>
    begin(const std::filesystem::path &file, const std::filesystem::path &key,
          engine::TrainingStarted started, const engine::Clock &clock);
    /// Says that the training failed unless it was ended; closes the file.
    ~TrainingRecord();
    TrainingRecord(const TrainingRecord &) = delete;
    TrainingRecord &operator=(const TrainingRecord &) = delete;

    /// The points of the recording of the part before, up to its last checkpoint: what came later
    /// is trained again. A file that is gone or damaged gives a note.
    void continueFrom(const std::filesystem::path &earlier);
    void progress(const std::string &what, double part, double worked);
    void metric(const std::string &name, std::int64_t step, double value);
    void note(const std::string &sentence);
    void saved(const std::string &file, double worked);
    void changed(engine::TrainingChanged change);
    /// Waits until all of it is on the disk and leaves a single file.
    [[nodiscard]] engine::Result<> close();
    [[nodiscard]] const std::filesystem::path &path() const;

private:
    TrainingRecord(engine::SigningKey key, const engine::Clock &clock);
    [[nodiscard]] std::int64_t now() const { return m_clock.now().count(); }

    engine::SigningKey m_key; ///< before the recorder, which seals with it
    const engine::Clock &m_clock;
    std::unique_ptr<engine::Recorder> m_recorder;
    std::int64_t m_said = 0; ///< when the newest progress was
    bool m_isOver = false;
};

} // namespace app
