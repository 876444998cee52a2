#pragma once
// The response "retrain": trains on the shop's clean history, shows the new model to some shoppers,
// promotes it. Each step is an event with its time.

#include "engine/agent/news.h"
#include "engine/agent/trainer.h"
#include "engine/fault/fault.h"

#include <atomic>
#include <thread>

namespace engine {

/// Thread-safe. The work is done on a thread of its own, which joins in the destructor.
class Retraining
{
public:
    /// Tells the gateway which replicas have the new model and for which share of the shoppers;
    /// none ends it.
    using SetCanary =
        std::function<Result<>(const std::vector<std::string> &targets, double share)>;
    Retraining(FaultWorld &world, Trainer &trainer, NewsHub &hub, SetCanary setCanary)
        : m_world(world), m_trainer(trainer), m_hub(hub), m_setCanary(std::move(setCanary))
    {
    }
    ~Retraining();
    /// Returns at once; Busy while one is under way. `by` as in ResponseChanged.
    [[nodiscard]] Result<> start(const std::string &by);
    /// Ends what is under way: nothing that is not promoted yet will be.
    void cancel();

private:
    void run(const std::stop_token &stop, const std::string &by);
    [[nodiscard]] Result<std::string> work(const std::stop_token &stop, const std::string &by);
    [[nodiscard]] Result<GoldenLook> showToSome(const std::stop_token &stop,
                                                const TrainedVersion &trained);
    /// Waits until the replica serves that digest and was scored on the golden set.
    [[nodiscard]] Result<GoldenLook> seen(const std::stop_token &stop, const std::string &target,
                                          const std::string &digest) const;
    void tell(const std::string &by, const std::string &detail, bool active);

    FaultWorld &m_world;
    Trainer &m_trainer;
    NewsHub &m_hub;
    const SetCanary m_setCanary;
    std::mutex m_mutex; // m_thread
    std::atomic<bool> m_busy{false};
    std::jthread m_thread;
};

} // namespace engine
