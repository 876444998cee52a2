#pragma once
// Trainings that remember what was asked of them, for tests of the page. Tests only.

#include "engine/cluster/trainings.h"

#include <mutex>

namespace testing_support {

/// One picture, the same for ever unless it is sought.
class StillTimeline final : public engine::Timeline
{
public:
    StillTimeline(std::shared_ptr<const engine::RunState> state, std::string path)
        : m_path(std::move(path))
    {
        auto snapshot = std::make_shared<engine::TimelineSnapshot>();
        snapshot->state = state;
        snapshot->endState = state;
        snapshot->end = snapshot->playhead = 12'000'000;
        snapshot->events = std::make_shared<std::vector<engine::Event>>();
        m_snapshot = std::move(snapshot);
    }
    [[nodiscard]] std::shared_ptr<const engine::TimelineSnapshot> snapshot() const override
    {
        return m_snapshot;
    }
    void pinToEnd() override { seek(m_snapshot->end); }
    void seek(std::int64_t t) override
    {
        auto next = std::make_shared<engine::TimelineSnapshot>(*m_snapshot);
        next->playhead = t;
        m_snapshot = std::move(next);
    }
    void show(std::int64_t, std::int64_t, int, std::vector<std::string>) override {}
    [[nodiscard]] std::string path() const override { return m_path; }

private:
    std::shared_ptr<const engine::TimelineSnapshot> m_snapshot;
    std::string m_path;
};

/// A training of `epochs` epochs out of 20, in this state.
inline std::shared_ptr<engine::RunState> trainingAt(const std::string &name, int epochs,
                                                    engine::TrainingState state)
{
    auto run = std::make_shared<engine::RunState>();
    auto &view = run->training.emplace();
    engine::TrainingStarted started;
    started.name = name;
    started.command = "train";
    started.family = "sequence";
    started.recipe = "beauty";
    started.data = "/data/sequences.txt";
    started.device = "cpu";
    started.threads = 2;
    started.seed = 1;
    view.apply(started);
    for (int epoch = 1; epoch <= epochs; ++epoch) {
        view.apply(engine::TrainingProgress{"epoch " + std::to_string(epoch) + ", step 40 of 80",
                                            epoch / 20.0, 0.9 * epoch, 0});
        view.apply(engine::TrainingMetric{"train loss", epoch, 4 + 3.0 / epoch, false, 0});
        view.apply(
            engine::TrainingMetric{"validation ndcg@10", epoch, 0.42 - 0.08 / epoch, false, 0});
        view.apply(engine::TrainingMetric{"validation hr@10", epoch, 0.6 - 0.1 / epoch, false, 0});
    }
    view.apply(engine::TrainingSaved{"/m.checkpoint", 0.9 * epochs, 0});
    engine::TrainingChanged change;
    change.state = state;
    if (state == engine::TrainingState::Finished) {
        change.digest = "9c41e0aabbcc9c41e0aabbcc";
        change.version = "1";
        change.metrics = {{"ndcg@10", 0.418}, {"users", 900}};
    }
    if (state == engine::TrainingState::Failed)
        change.detail = "There is not enough memory for this";
    view.apply(change);
    return run;
}

class FakeTrainings final : public engine::Trainings
{
public:
    std::vector<std::string> asked; ///< in order, GUI thread only
    engine::TrainingOrder ordered;  ///< by the last start

    FakeTrainings()
    {
        using engine::TrainingState;
        const auto add = [&](const char *name, int epochs, TrainingState state, bool isAlive,
                             bool canGoOn) {
            engine::TrainingSummary summary;
            summary.recording = std::string("/trainings/") + name + ".drl";
            summary.state = trainingAt(name, epochs, state);
            summary.isAlive = summary.isOurs = isAlive;
            summary.canGoOn = canGoOn;
            m_trainings.push_back(summary);
        };
        add("ranker-5", 9, TrainingState::Running, true, false);
        add("ranker-4", 6, TrainingState::Running, false, true);
        add("ranker-3", 20, TrainingState::Finished, false, false);
        add("ranker-2", 3, TrainingState::Failed, false, false);
        engine::TrainingSummary broken;
        broken.recording = "/trainings/broken.drl";
        broken.problem = "This is no recording";
        m_trainings.push_back(broken);

        auto &shop = m_shops.emplace_back();
        shop.shop = "demo";
        shop.serving = "3";
        const auto model = [&](const char *version, engine::ModelState state, double ndcg,
                               bool gate = true) -> engine::ShopModel & {
            auto &made = shop.models.emplace_back();
            made.entry.version = version;
            made.entry.family = "mf";
            made.entry.digest = "3fa2c8d1e2f3a4b5";
            made.entry.gatePassed = gate;
            made.entry.metrics = {{"ndcg@10", ndcg}};
            made.state = state;
            made.isSigned = true;
            return made;
        };
        model("5", engine::ModelState::Canary, 0.411);
        model("4", engine::ModelState::Signed, 0.402, false);
        model("6", engine::ModelState::Signed, 0.414);
        model("3", engine::ModelState::Serving, 0.412).isReference = true;
        model("2", engine::ModelState::Retired, 0.407).isPrevious = true;
        model("1", engine::ModelState::Retired, 0.398).entry.revoked = true;
    }

    void change(std::size_t at, const std::function<void(engine::TrainingSummary &)> &how)
    {
        const std::lock_guard lock(m_mutex);
        how(m_trainings[at]);
    }

    std::vector<engine::TrainingSummary> trainings() override
    {
        const std::lock_guard lock(m_mutex);
        return m_trainings;
    }
    bool addTraining(const std::string &recording) override
    {
        return recording.starts_with("/trainings/");
    }
    engine::Result<std::unique_ptr<engine::Timeline>>
    openTraining(const std::string &recording) override
    {
        for (const auto &training : trainings())
            if (training.recording == recording && training.state)
                return std::unique_ptr<engine::Timeline>(
                    std::make_unique<StillTimeline>(training.state, recording));
        return engine::fail(engine::ErrorCode::NotFound, "There is no recording at " + recording);
    }
    std::vector<engine::ShopModels> shopModels() override { return m_shops; }
    [[nodiscard]] std::vector<std::string> recipes() const override
    {
        return {"beauty", "gowalla"};
    }
    void startTraining(const engine::TrainingOrder &order, Reply<std::string> done) override
    {
        asked.push_back("start");
        ordered = order;
        done(std::string("/trainings/ranker-5.drl"));
    }
    void pauseTraining(const std::string &recording, Reply<void> done) override
    {
        asked.push_back("pause " + recording);
        done({});
    }
    void resumeTraining(const std::string &recording, Reply<std::string> done) override
    {
        asked.push_back("resume " + recording);
        done(recording);
    }
    void stopTraining(const std::string &recording, Reply<void> done) override
    {
        asked.push_back("stop " + recording);
        done(engine::fail(engine::ErrorCode::NotFound, "This training does not run any more"));
    }
    void promote(const std::string &shop, const std::string &version, Reply<void> done) override
    {
        asked.push_back("promote " + shop + " " + version);
        done({});
    }
    void showToSome(const std::string &shop, const std::string &version, Reply<void> done) override
    {
        asked.push_back("canary " + shop + " " + version);
        done({});
    }
    void rollBack(const std::string &shop, const std::string &version, Reply<void> done) override
    {
        asked.push_back("rollback " + shop + " " + version);
        done({});
    }

private:
    std::mutex m_mutex;
    std::vector<engine::TrainingSummary> m_trainings; ///< under m_mutex
    std::vector<engine::ShopModels> m_shops;
};

} // namespace testing_support
