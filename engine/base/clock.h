#pragma once
// Where every time in the engine comes from, so that tests and the fold can hand in their own.

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <stop_token>
#include <string>

namespace engine {

/// CLOCK_MONOTONIC in microseconds: the same axis for every process of one host.
using MonoTime = std::chrono::duration<std::int64_t, std::micro>;
using Micros = std::chrono::duration<std::int64_t, std::micro>;

/// Time source; thread-safe. Implementations outlive what uses them.
class Clock
{
public:
    virtual ~Clock() = default;
    [[nodiscard]] virtual MonoTime now() const = 0;
    /// Microseconds since 1970, UTC; display data only, never used for order.
    [[nodiscard]] virtual std::int64_t wallMicros() const = 0;
    /// Waits until `when`, or until stop is asked for: then returns false.
    virtual bool waitUntil(MonoTime when, std::stop_token stop) const = 0;
};

/// The system's clock.
class SystemClock final : public Clock
{
public:
    [[nodiscard]] MonoTime now() const override;
    [[nodiscard]] std::int64_t wallMicros() const override;
    bool waitUntil(MonoTime when, std::stop_token stop) const override;
};

/// A clock that only moves when told; waitUntil jumps to its target at once. One thread.
class VirtualClock final : public Clock
{
public:
    explicit VirtualClock(MonoTime start = MonoTime{0}) : m_now(start) {}
    [[nodiscard]] MonoTime now() const override { return m_now; }
    [[nodiscard]] std::int64_t wallMicros() const override { return m_now.count(); }
    bool waitUntil(MonoTime when, std::stop_token stop) const override;
    void advance(Micros by) { m_now += by; }

private:
    mutable MonoTime m_now;
};

/// The process-wide system clock, for the composition root and for `main`.
[[nodiscard]] const Clock &systemClock();

/// Every window in the shop ends on a multiple of this on CLOCK_MONOTONIC, so windows of all
/// processes line up.
inline constexpr Micros kWindow{100'000};

/// The first multiple of kWindow at or after t.
[[nodiscard]] constexpr MonoTime alignUp(MonoTime t)
{
    const auto n = (t.count() + kWindow.count() - 1) / kWindow.count();
    return MonoTime{n * kWindow.count()};
}

/// "2026-11-22T14:03:07Z" of wall microseconds, in UTC whatever the machine's zone and locale.
[[nodiscard]] std::string wallText(std::int64_t wallMicros);

} // namespace engine
