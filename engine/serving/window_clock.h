#pragma once
// Calls back at every 100 ms boundary of CLOCK_MONOTONIC, so that the windows of all processes line
// up.

#include "engine/base/clock.h"

#include <functional>
#include <thread>

namespace engine {

/// `tick(end)` runs on a thread of its own soon after each boundary; `end` is that boundary. A
/// boundary that could not be served in time (the process was stopped or starved) is skipped, never
/// made up: it stays a gap, and what was counted since falls in the next window. The destructor
/// ends the thread after the running tick.
class WindowClock
{
public:
    using Tick = std::function<void(MonoTime end)>;
    WindowClock(const Clock &clock, Tick tick)
        : m_thread([&clock, call = std::move(tick)](std::stop_token stop) {
              auto end = alignUp(clock.now() + Micros{1});
              while (clock.waitUntil(end, stop)) {
                  const auto reached =
                      MonoTime{clock.now().count() / kWindow.count() * kWindow.count()};
                  call(std::max(end, reached));
                  end = alignUp(clock.now() + Micros{1});
              }
          })
    {
    }

private:
    std::jthread m_thread;
};

} // namespace engine
