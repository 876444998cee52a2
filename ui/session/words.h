#pragma once
// How the console writes times, numbers, faults and responses. Pure functions; seconds since t = 0
// unless a name says otherwise.

#include "engine/event/run_state.h"

#include <QString>

#include <string_view>

namespace ui {

[[nodiscard]] constexpr double toSeconds(std::int64_t micros)
{
    return static_cast<double>(micros) / 1e6;
}
[[nodiscard]] inline std::int64_t toMicros(double seconds)
{
    return static_cast<std::int64_t>(seconds * 1e6);
}
[[nodiscard]] inline QString qs(std::string_view text)
{
    return QString::fromUtf8(text.data(), static_cast<qsizetype>(text.size()));
}

/// "+4.7 s", "−0.8 s" (U+2212); from ten minutes on as clockText().
[[nodiscard]] QString sinceText(double seconds, int decimals = 1);
/// A label of the time axis whose labels stand `step` apart: "+8 s", "+12:30", "+3:20 h".
[[nodiscard]] QString tickText(double seconds, double step);
/// "+00:04.7", "+3:20:04.7" for the top bar and the transport.
[[nodiscard]] QString clockText(double seconds);
/// "0:25.3" for countdowns.
[[nodiscard]] QString countdownText(double seconds);
/// Local wall time of an instant of the run, "14:14:51.7".
[[nodiscard]] QString wallClockText(const engine::RunState &state, double t);
/// A number with fixed decimals in the user's locale, U+2212 for minus, "–" for NaN.
[[nodiscard]] QString numberText(double value, int decimals);

/// The icon of a fault by its name ("process.kill" -> "crash").
[[nodiscard]] QString faultIcon(std::string_view fault);
/// What the operator calls it: "SIGKILL replica/2".
[[nodiscard]] QString faultText(std::string_view fault, std::string_view target);
/// Icon of a kind of response.
[[nodiscard]] QString responseIcon(std::string_view kind);
[[nodiscard]] QString responseText(const engine::ResponseChanged &response);

} // namespace ui
