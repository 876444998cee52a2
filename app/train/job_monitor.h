#pragma once
// A training's ear and mouth in drillroom-train: progress, metrics and notes go to standard output
// as JSON lines and into the recording; pauses, the time limit and checkpoints come from here. Used
// on the job's thread only.

#include "app/train/checkpoint_file.h"
#include "app/train/job_control.h"
#include "app/train/training_record.h"
#include "engine/training/train_monitor.h"

#include <nlohmann/json_fwd.hpp>

namespace app {

/// Writes one JSON object and a newline to standard output.
void sayLine(const nlohmann::json &line);

class JobMonitor final : public engine::TrainMonitor
{
public:
    struct Options
    {
        engine::Micros limit{0};           ///< of the whole command
        std::filesystem::path checkpoint;  ///< empty: none are kept
        std::string order;                 ///< digest that a checkpoint must carry
        engine::Micros every{30'000'000};  ///< between two checkpoints
        std::optional<Checkpoint> resumed; ///< where it goes on
        TrainingRecord *record = nullptr;  ///< null: nothing is recorded
    };
    /// All outlive it.
    JobMonitor(JobControl &control, const engine::Clock &clock, Options options);

    void progress(const std::string &what, double part) override;
    void metric(const std::string &name, std::int64_t step, double value) override;
    void note(const std::string &sentence) override;
    [[nodiscard]] std::stop_token stop() const override { return m_control.stop(); }
    [[nodiscard]] const engine::Clock &clock() const override { return m_clock; }
    [[nodiscard]] engine::MonoTime deadline() const override;
    [[nodiscard]] std::optional<engine::Bytes> resumeFrom() override;
    [[nodiscard]] bool isCheckpointDue() const override;
    [[nodiscard]] engine::Result<> checkpoint(const engine::Bytes &state) override;

    /// Worked so far, with what was worked before an interruption, without pauses.
    [[nodiscard]] double seconds() const;
    [[nodiscard]] const std::vector<std::string> &notes() const { return m_notes; }
    [[nodiscard]] bool hasCheckpoint() const { return m_written; }

private:
    JobControl &m_control;
    const engine::Clock &m_clock;
    Options m_options;
    engine::MonoTime m_start, m_said{0}, m_saved;
    std::string m_what;
    std::vector<std::string> m_notes;
    bool m_written = false;
};

} // namespace app
