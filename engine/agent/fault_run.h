#pragma once
// One fault of a run, from apply to cleared, with the thread that looks at its effect.

#include "engine/agent/news.h"
#include "engine/cluster/cluster.h"
#include "engine/fault/fault.h"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace engine {

/// apply() and undo() return at once and are for the warden's thread; the watching thread is the
/// object's own and joins in the destructor (up to a second while it probes).
class FaultRun
{
public:
    FaultRun(FaultSpec spec, std::unique_ptr<Fault> fault, bool lasts, NewsHub &hub,
             const Clock &clock);

    [[nodiscard]] const FaultSpec &spec() const { return m_spec; }
    /// Where the ledger keeps it, and when it is undone at the latest (0: nothing to undo).
    std::uint64_t serial = 0;
    MonoTime deadline{0};

    void tellIntended();
    [[nodiscard]] Result<> apply();
    /// First half, without waiting for the effect to go; a second call does nothing.
    void undo(const std::string &why);
    /// Applied, lasting and not undone.
    [[nodiscard]] bool isActive() const { return m_applied && m_lasts && !m_undone; }
    /// Its thread looks no more; destroying it is instant.
    [[nodiscard]] bool isOver() const { return m_over; }
    /// A kill has nothing to undo; nobody is left to hear when its target is back.
    void stopWatchingKill()
    {
        if (!m_lasts)
            m_thread.request_stop();
    }

private:
    void watch(const std::stop_token &stop);
    void watchApplied(const std::stop_token &stop);
    void watchCleared(const std::stop_token &stop);
    void tell(FaultState state, MonoTime at, const std::string &detail);

    const FaultSpec m_spec;
    const std::unique_ptr<Fault> m_fault;
    const bool m_lasts;
    NewsHub &m_hub;
    const Clock &m_clock;
    std::atomic<bool> m_applied{false}, m_undone{false}, m_over{false};
    std::mutex m_mutex; // only to wait for m_undone
    std::condition_variable_any m_wake;
    MonoTime m_appliedAt{0};
    std::jthread m_thread;
};

} // namespace engine
