#pragma once
// Measures when the host did not run us: a 5 ms timer on each core (contracts 3.6). A wake-up more
// than 20 ms late is a stall; windows that it touches are read with that in mind.

#include "engine/base/clock.h"

#include <atomic>
#include <functional>
#include <thread>
#include <vector>

namespace engine {

inline constexpr Micros kStallTick{5'000};
inline constexpr Micros kStallLimit{20'000};

struct Stall
{
    unsigned core = 0;
    MonoTime from{0}, to{0}; ///< when the timer should have fired, when it did
};

/// One thread per core that this process may use, pinned to it. `onStall` is called on those
/// threads and must be thread-safe.
class StallMeter
{
public:
    StallMeter(const Clock &clock, std::function<void(const Stall &)> onStall);
    /// While nothing is judged: no timer runs, nothing is measured. Takes 100 ms to take effect.
    void setPaused(bool paused) { m_paused = paused; }
    [[nodiscard]] bool isPaused() const { return m_paused; }
    /// The longest lateness that touches (end - 100 ms, end], in microseconds; any thread.
    [[nodiscard]] Micros longestIn(MonoTime windowEnd) const;

private:
    struct Core
    {
        unsigned number = 0;
        // Lateness of the last windows, by window number modulo the ring; guarded by mutex.
        mutable std::mutex mutex;
        struct Slot
        {
            std::int64_t window = 0;
            Micros longest{0};
        };
        std::vector<Slot> ring = std::vector<Slot>(64);
    };
    void watch(Core &core, const std::stop_token &stop) const;

    const Clock &m_clock;
    std::function<void(const Stall &)> m_onStall;
    std::atomic<bool> m_paused{false};
    std::vector<std::unique_ptr<Core>> m_cores;
    std::vector<std::jthread> m_threads;
};

} // namespace engine
