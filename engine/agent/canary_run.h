#pragma once
// A model on one replica for some of the shoppers: loaded there, scored on the golden set, given
// its share, watched, taken back.

#include "engine/agent/news.h"
#include "engine/fault/fault.h"

#include <atomic>
#include <functional>
#include <optional>
#include <thread>

namespace engine {

/// Of the shoppers, by a hash of their number.
inline constexpr double kCanaryShare = 0.25;

/// Tells the gateway which replicas have the new model and for which share of the shoppers; none
/// ends it.
using SetCanary = std::function<Result<>(const std::vector<std::string> &targets, double share)>;

/// The steps of it, blocking. One thread.
class CanaryRun
{
public:
    CanaryRun(FaultWorld &world, NewsHub &hub, const SetCanary &setCanary)
        : m_world(world), m_hub(hub), m_setCanary(setCanary)
    {
    }
    /// Shows it for `length`, or until `stop` without one. An error when it is worse on the golden
    /// set, the gateway took it back, or it was stopped; then takeBack() is the caller's.
    [[nodiscard]] Result<GoldenLook> show(const std::stop_token &stop, const std::string &version,
                                          const std::string &digest, std::optional<Micros> length);
    /// Nobody's canary any more, and the replica loads what the others serve.
    void takeBack();
    /// Waits until the replica serves that digest and was scored on the golden set.
    [[nodiscard]] Result<GoldenLook> seen(const std::stop_token &stop, const std::string &target,
                                          const std::string &digest) const;

private:
    FaultWorld &m_world;
    NewsHub &m_hub;
    const SetCanary &m_setCanary;
};

/// "golden quality 0.993 (0.981 to 1.004)"
[[nodiscard]] std::string textOf(const GoldenLook &look);

/// A canary that a person began: it lasts until it is promoted, ended or taken back by the gateway.
/// Its begin and its end are events. Thread-safe; works on a thread of its own, which joins in the
/// destructor.
class OperatorCanary
{
public:
    OperatorCanary(FaultWorld &world, NewsHub &hub, SetCanary setCanary)
        : m_world(world), m_hub(hub), m_setCanary(std::move(setCanary))
    {
    }
    ~OperatorCanary() { end(false); }
    /// Returns at once. InvalidInput for a version that may not serve or serves already, Busy while
    /// another one is shown.
    [[nodiscard]] Result<> start(const std::string &version, const std::string &by);
    /// `promoted`: every replica is about to load a model, so none is to be loaded back.
    void end(bool promoted);
    [[nodiscard]] bool isOn() const { return m_busy; }

private:
    void run(const std::stop_token &stop, const std::string &version, const std::string &digest,
             const std::string &by);
    void tell(const std::string &by, const std::string &detail, bool active);

    FaultWorld &m_world;
    NewsHub &m_hub;
    const SetCanary m_setCanary;
    std::mutex m_mutex; // m_thread
    std::atomic<bool> m_busy{false}, m_promoted{false};
    std::jthread m_thread;
};

} // namespace engine
