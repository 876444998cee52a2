#pragma once
// The small words of a drill file: times, rates, shares, rules, targets. Internal to the reader.

#include "engine/drill/drill.h"

#include <string_view>

namespace engine {

[[nodiscard]] std::string_view stripped(std::string_view text);
/// The whole text as a plain decimal number, in any locale.
[[nodiscard]] std::optional<double> parseNumber(std::string_view text);
/// "250ms", "10 s", "1.5 min".
[[nodiscard]] std::optional<Micros> parseTime(std::string_view text);
/// Shortest text that parseTime reads back: "60s", "250ms".
[[nodiscard]] std::string timeText(Micros time);
/// "200/s", "200 /s".
[[nodiscard]] std::optional<double> parseRate(std::string_view text);
/// "50 %" or "0.5", as 0.5.
[[nodiscard]] std::optional<double> parseShare(std::string_view text);
/// "OP VALUE UNIT [of baseline]"; times in their own unit (ms, s), minutes as seconds.
[[nodiscard]] std::optional<Rule> parseRule(std::string_view text);

/// "gateway.failed > 20 % for 5s"
struct TimedRule
{
    std::string series;
    Rule rule;
    Micros forTime{0};
};
[[nodiscard]] std::optional<TimedRule> parseTimedRule(std::string_view text);
[[nodiscard]] std::string timedRuleText(const std::string &series, const Rule &rule,
                                        Micros forTime);

/// The nearest of `known` if it is near enough to be what was meant, or "".
[[nodiscard]] std::string nearest(std::string_view word, const std::vector<std::string> &known);
/// " (did you mean `x`?)" or "".
[[nodiscard]] std::string hint(std::string_view word, const std::vector<std::string> &known);

} // namespace engine
