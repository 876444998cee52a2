#include "engine/fault/stall_meter.h"

#include "engine/fault/fd.h"

#include <algorithm>
#include <sched.h>
#include <sys/timerfd.h>

namespace engine {
namespace {

constexpr Micros kPausedTick{100'000};

} // namespace

StallMeter::StallMeter(const Clock &clock, std::function<void(const Stall &)> onStall)
    : m_clock(clock), m_onStall(std::move(onStall))
{
    cpu_set_t mine;
    CPU_ZERO(&mine);
    ::sched_getaffinity(0, sizeof mine, &mine);
    for (unsigned core = 0; core < CPU_SETSIZE; ++core) {
        if (!CPU_ISSET(core, &mine))
            continue;
        auto entry = std::make_unique<Core>();
        entry->number = core;
        m_cores.push_back(std::move(entry));
    }
    for (auto &core : m_cores)
        m_threads.emplace_back(
            [this, entry = core.get()](const std::stop_token &stop) { watch(*entry, stop); });
}

void StallMeter::watch(Core &core, const std::stop_token &stop) const
{
    cpu_set_t only;
    CPU_ZERO(&only);
    CPU_SET(core.number, &only);
    ::sched_setaffinity(0, sizeof only, &only);
    const Fd timer(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));
    auto due = m_clock.now() + kStallTick;
    while (!stop.stop_requested()) {
        itimerspec when{};
        when.it_value.tv_sec = due.count() / 1'000'000;
        when.it_value.tv_nsec = due.count() % 1'000'000 * 1000;
        ::timerfd_settime(timer.get(), TFD_TIMER_ABSTIME, &when, nullptr);
        std::uint64_t fired = 0;
        [[maybe_unused]] const auto n = ::read(timer.get(), &fired, sizeof fired);
        const auto now = m_clock.now();
        if (m_paused) {
            due = now + kPausedTick;
            continue;
        }
        const Micros late = std::max(Micros{0}, now - due);
        {
            const std::lock_guard lock(core.mutex);
            for (auto end = alignUp(due); end <= alignUp(now); end += kWindow) {
                const auto window = end / kWindow;
                auto &slot = core.ring[static_cast<std::size_t>(window) % core.ring.size()];
                if (slot.window != window)
                    slot = {window, Micros{0}};
                slot.longest = std::max(slot.longest, late);
            }
        }
        if (late > kStallLimit && m_onStall)
            m_onStall({core.number, due, now});
        due = m_clock.now() + kStallTick;
    }
}

Micros StallMeter::longestIn(MonoTime windowEnd) const
{
    const auto window = alignUp(windowEnd) / kWindow;
    Micros longest{0};
    for (const auto &core : m_cores) {
        const std::lock_guard lock(core->mutex);
        const auto &slot = core->ring[static_cast<std::size_t>(window) % core->ring.size()];
        if (slot.window == window)
            longest = std::max(longest, slot.longest);
    }
    return longest;
}

} // namespace engine
