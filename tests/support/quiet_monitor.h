#pragma once
// A TrainMonitor for tests: remembers what it was told, and can stop, or keep a checkpoint in
// memory.

#include "engine/training/train_monitor.h"

#include <functional>
#include <map>
#include <vector>

namespace test {

class QuietMonitor final : public engine::TrainMonitor
{
public:
    explicit QuietMonitor(engine::Micros limit = std::chrono::minutes(10))
        : m_deadline(engine::systemClock().now() + limit)
    {
    }
    void progress(const std::string &what, double part) override
    {
        lastProgress = what;
        lastPart = part;
        if (onProgress)
            onProgress(*this);
    }
    void metric(const std::string &name, std::int64_t step, double value) override
    {
        metrics[name].emplace_back(step, value);
    }
    void note(const std::string &sentence) override { notes.push_back(sentence); }
    std::stop_token stop() const override { return stopper.get_token(); }
    const engine::Clock &clock() const override { return engine::systemClock(); }
    engine::MonoTime deadline() const override { return m_deadline; }
    std::optional<engine::Bytes> resumeFrom() override { return saved; }
    bool isCheckpointDue() const override { return keepsCheckpoints; }
    engine::Result<> checkpoint(const engine::Bytes &state) override
    {
        saved = state;
        ++checkpoints;
        return {};
    }

    std::map<std::string, std::vector<std::pair<std::int64_t, double>>> metrics;
    std::vector<std::string> notes;
    std::string lastProgress;
    double lastPart = 0;
    std::function<void(QuietMonitor &)> onProgress;
    std::stop_source stopper;
    bool keepsCheckpoints = false;
    std::optional<engine::Bytes> saved;
    int checkpoints = 0;

private:
    engine::MonoTime m_deadline;
};

} // namespace test
