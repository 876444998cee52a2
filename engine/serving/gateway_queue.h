#pragma once
// How many requests are at the replicas at a time, and who waits for a place: bounded, by class,
// and nobody who cannot be answered in time.

#include "engine/serving/gateway_options.h"

#include <array>
#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <optional>

namespace engine {

/// In the order in which they are served.
enum class Priority { Search, Recommendation, Ads };
[[nodiscard]] std::string_view name(Priority priority);
/// The class by its name, or nothing.
[[nodiscard]] std::optional<Priority> priorityOf(std::string_view name);

/// A place is taken by enter() or by a waiter's turn, and given back by leave(). A class may fill
/// only its share of the places, so that a more important one always finds some. Within a class
/// the earliest deadline goes first. Thread-safe; waiters are called outside the lock.
class GatewayQueue
{
public:
    /// True: you have a place now. False: you would be too late, or had to make room.
    using Waiter = std::function<void(bool)>;
    enum class Entered { Runs, Waits, Refused };

    GatewayQueue(const QueueRules &rules, const PriorityRules &shares)
        : m_rules(rules), m_shares(shares)
    {
    }
    void setRules(const QueueRules &rules, const PriorityRules &shares);
    /// `replicas`: in rotation now. `byClass` false: all are one class.
    [[nodiscard]] Entered enter(Priority priority, MonoTime deadline, MonoTime now,
                                std::size_t replicas, bool byClass, Waiter waiter);
    void leave(MonoTime started, MonoTime now);
    /// Ends the wait of those whose time is over; to be called often.
    void sweep(MonoTime now);
    [[nodiscard]] std::size_t waiting() const;
    [[nodiscard]] std::size_t running() const;
    /// Of those that waited: ended because their time was over, and because a more important one
    /// needed the room.
    [[nodiscard]] std::uint64_t takeDropped() { return m_dropped.exchange(0); }
    [[nodiscard]] std::uint64_t takeEvicted() { return m_evicted.exchange(0); }

private:
    using Calls = std::vector<std::pair<Waiter, bool>>;
    [[nodiscard]] bool mayRun(Priority priority) const;
    [[nodiscard]] std::size_t places() const;
    [[nodiscard]] bool isHopeless(MonoTime deadline, MonoTime now) const;
    void next(MonoTime now, Calls &calls);
    [[nodiscard]] std::size_t waitingLocked() const;

    mutable std::mutex m_mutex; ///< guards what follows
    QueueRules m_rules;
    PriorityRules m_shares;
    std::size_t m_replicas = 1, m_running = 0;
    double m_service = 0;                                     ///< rolling mean of a place's use, us
    std::array<std::multimap<MonoTime, Waiter>, 3> m_waiting; ///< by deadline
    std::atomic<std::uint64_t> m_dropped{0}, m_evicted{0};
};

} // namespace engine
