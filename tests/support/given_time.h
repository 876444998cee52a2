#pragma once
// Time as the host gave it: promises of the product ("undone within a second") are measured in it,
// so that a moment in which the host ran nobody breaks no test (contracts 3.6).

#include "engine/base/clock.h"
#include "engine/fault/stall_meter.h"

#include <QTest>

#include <algorithm>
#include <mutex>

namespace support {

/// Runs from its making. Threads: those of the stall meter.
class GivenTime
{
public:
    /// Milliseconds since start, less those in which a core of ours was late by more than 20 ms.
    [[nodiscard]] qint64 elapsed() const
    {
        const auto now = engine::systemClock().now();
        const std::lock_guard lock(m_mutex);
        auto stalls = m_stalls;
        std::sort(stalls.begin(), stalls.end());
        engine::Micros lost{0};
        auto upTo = m_start;
        for (const auto &[from, to] : stalls) {
            const auto begin = std::max(from, upTo), end = std::min(to, now);
            if (end > begin) {
                lost += end - begin;
                upTo = end;
            }
        }
        return (now - m_start - lost).count() / 1000;
    }
    /// Waits until `done` says so; false when `millis` of given time went by before.
    template <class Done>
    [[nodiscard]] bool within(qint64 millis, Done &&done) const
    {
        for (;;) {
            // Looked at before the clock: what is done while we were away from the processor
            // counts.
            const bool isDone = done();
            if (isDone)
                return true;
            if (elapsed() > millis)
                return done();
            QTest::qWait(5);
        }
    }

private:
    const engine::MonoTime m_start = engine::systemClock().now();
    mutable std::mutex m_mutex; ///< guards m_stalls
    std::vector<std::pair<engine::MonoTime, engine::MonoTime>> m_stalls;
    engine::StallMeter m_meter{engine::systemClock(), [this](const engine::Stall &stall) {
                                   const std::lock_guard lock(m_mutex);
                                   m_stalls.emplace_back(stall.from, stall.to);
                               }};
};

} // namespace support
