#include "engine/base/clock.h"

#include <ctime>
#include <fmt/format.h>

namespace engine {

MonoTime SystemClock::now() const
{
    return std::chrono::duration_cast<MonoTime>(
        std::chrono::steady_clock::now().time_since_epoch());
}

std::int64_t SystemClock::wallMicros() const
{
    return std::chrono::duration_cast<std::chrono::microseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
}

bool SystemClock::waitUntil(MonoTime when, std::stop_token stop) const
{
    std::mutex mutex;
    std::condition_variable_any wake;
    std::unique_lock lock(mutex);
    const std::chrono::steady_clock::time_point deadline{when};
    wake.wait_until(lock, stop, deadline, [] { return false; });
    return !stop.stop_requested();
}

bool VirtualClock::waitUntil(MonoTime when, std::stop_token stop) const
{
    if (stop.stop_requested())
        return false;
    if (when > m_now)
        m_now = when;
    return true;
}

const Clock &systemClock()
{
    static const SystemClock clock;
    return clock;
}

std::string wallText(std::int64_t wallMicros)
{
    const auto seconds = static_cast<std::time_t>(wallMicros / 1'000'000);
    std::tm utc{};
    gmtime_r(&seconds, &utc);
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", utc.tm_year + 1900, utc.tm_mon + 1,
                       utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec);
}

} // namespace engine
