#pragma once
// The response "retrain": trains on the shop's clean history, shows the new model to some shoppers,
// promotes it. Each step is an event with its time.

#include "engine/agent/canary_run.h"
#include "engine/agent/trainer.h"
#include "engine/fault/fault.h"

#include <atomic>
#include <thread>

namespace engine {

/// Thread-safe. The work is done on a thread of its own, which joins in the destructor.
class Retraining
{
public:
    Retraining(FaultWorld &world, Trainer &trainer, NewsHub &hub, SetCanary setCanary)
        : m_world(world), m_trainer(trainer), m_hub(hub), m_setCanary(std::move(setCanary))
    {
    }
    ~Retraining();
    /// Returns at once; Busy while one is under way. `by` as in ResponseChanged.
    [[nodiscard]] Result<> start(const std::string &by);
    /// Ends what is under way: nothing that is not promoted yet will be.
    void cancel();
    [[nodiscard]] bool isOn() const { return m_busy; }

private:
    void run(const std::stop_token &stop, const std::string &by);
    [[nodiscard]] Result<std::string> work(const std::stop_token &stop, const std::string &by);
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
