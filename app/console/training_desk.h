#pragma once
// Trainings of the console: starts drillroom-train, says pause, go on and stop to it, lists what
// was recorded; and moves models in a shop's registry.
//
// Threads: calls come from the GUI thread and never block (the lists from pool threads). Each
// training has a thread of its own, which ends with its child; the registry is changed on a worker.

#include "app/composition/model_job.h"
#include "app/composition/train_process.h"
#include "app/console/shop_keeper.h"
#include "app/console/training_list.h"
#include "app/console/worker.h"

#include <list>
#include <thread>

namespace console {

class TrainingDesk final : public engine::Trainings
{
public:
    /// Runs a task on the GUI thread.
    using Post = std::function<void(std::function<void()>)>;

    /// `clock` and `keeper` outlive it.
    TrainingDesk(engine::Paths paths, const engine::Clock &clock, ShopKeeper &keeper, Post post);
    /// Stops the trainings that run, each at a checkpoint; one that does not end in 10 s is killed.
    ~TrainingDesk() override;

    std::vector<engine::TrainingSummary> trainings() override;
    bool addTraining(const std::string &recording) override { return m_list.add(recording); }
    engine::Result<std::unique_ptr<engine::Timeline>>
    openTraining(const std::string &recording) override;
    std::vector<engine::ShopModels> shopModels() override;
    [[nodiscard]] std::vector<std::string> recipes() const override;
    void startTraining(const engine::TrainingOrder &order, Reply<std::string> done) override;
    void pauseTraining(const std::string &recording, Reply<void> done) override;
    void resumeTraining(const std::string &recording, Reply<std::string> done) override;
    void stopTraining(const std::string &recording, Reply<void> done) override;
    void promote(const std::string &shop, const std::string &version, Reply<void> done) override;
    void showToSome(const std::string &shop, const std::string &version, Reply<void> done) override;
    void rollBack(const std::string &shop, const std::string &version, Reply<void> done) override;

private:
    struct Child
    {
        std::shared_ptr<app::TrainWords> words = std::make_shared<app::TrainWords>();
        std::string recording; ///< under m_mutex; "" until it has begun
        bool isOver = false;   ///< under m_mutex
        std::jthread thread;
    };
    template <class T>
    void answer(Reply<T> done, engine::Result<T> result);
    void run(app::ModelJob job, Reply<std::string> done);
    void train(Child &child, const app::ModelJob &job, const Reply<std::string> &done,
               std::stop_token stop);
    [[nodiscard]] std::shared_ptr<app::TrainWords> wordsTo(const std::string &recording);
    /// Ours, when that shop is up on it; else null.
    [[nodiscard]] ShopKeeper::Cluster clusterOf(const std::string &shop) const;
    [[nodiscard]] engine::Result<void> serve(const std::string &shop, std::string version,
                                             bool isBack);

    const engine::Paths m_paths;
    const engine::Clock &m_clock;
    ShopKeeper &m_keeper;
    const Post m_post;
    TrainingList m_list;
    std::mutex m_mutex;
    std::list<Child> m_children; ///< under m_mutex; those that are over go with the next start
    Worker m_worker;             ///< last: ends before what it uses
};

} // namespace console
