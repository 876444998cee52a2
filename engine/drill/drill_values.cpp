#include "engine/drill/drill_values.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fmt/format.h>

namespace engine {
namespace {

bool isNumberChar(char c)
{
    return (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '+' || c == 'e' || c == 'E';
}

/// A number, then the rest of the text without the space between.
std::optional<double> leading(std::string_view text, std::string_view &rest)
{
    text = stripped(text);
    std::size_t end = 0;
    while (end < text.size() && isNumberChar(text[end])
           && !((text[end] == 'e' || text[end] == 'E') && end + 1 < text.size()
                && std::isalpha(static_cast<unsigned char>(text[end + 1]))))
        ++end;
    const auto value = parseNumber(text.substr(0, end));
    rest = stripped(text.substr(end));
    return value;
}

} // namespace

std::string_view stripped(std::string_view text)
{
    const auto first = text.find_first_not_of(" \t\r\n");
    if (first == std::string_view::npos)
        return {};
    return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

std::optional<double> parseNumber(std::string_view text)
{
    text = stripped(text);
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value))
        return std::nullopt;
    return value;
}

std::optional<Micros> parseTime(std::string_view text)
{
    std::string_view unit;
    const auto value = leading(text, unit);
    if (!value)
        return std::nullopt;
    const double scale = unit == "ms" ? 1e3 : unit == "s" ? 1e6 : unit == "min" ? 60e6 : 0;
    // A century bounds what llround may see.
    if (scale <= 0 || std::abs(*value * scale) > 3e15)
        return std::nullopt;
    return Micros{std::llround(*value * scale)};
}

std::string timeText(Micros time)
{
    const auto us = time.count();
    if (us % 1'000'000 == 0)
        return fmt::format("{}s", us / 1'000'000);
    if (us % 1'000 == 0)
        return fmt::format("{}ms", us / 1'000);
    return fmt::format("{:.15g}ms", static_cast<double>(us) / 1000);
}

std::optional<double> parseRate(std::string_view text)
{
    std::string_view unit;
    const auto value = leading(text, unit);
    if (!value || unit != "/s")
        return std::nullopt;
    return value;
}

std::optional<double> parseShare(std::string_view text)
{
    text = stripped(text);
    const bool isPercent = text.ends_with('%');
    if (isPercent)
        text = stripped(text.substr(0, text.size() - 1));
    const auto number = parseNumber(text);
    return number && isPercent ? *number / 100 : number;
}

std::optional<Rule> parseRule(std::string_view text)
{
    text = stripped(text);
    Rule rule;
    const auto starts = [&](std::string_view sign, Compare compare) {
        if (!text.starts_with(sign))
            return false;
        text.remove_prefix(sign.size());
        rule.compare = compare;
        return true;
    };
    if (!starts("<=", Compare::LessEqual) && !starts(">=", Compare::GreaterEqual)
        && !starts("==", Compare::Equal) && !starts("<", Compare::Less)
        && !starts(">", Compare::Greater))
        return std::nullopt;
    std::string_view rest;
    const auto value = leading(text, rest);
    if (!value)
        return std::nullopt;
    rule.value = *value;
    constexpr std::string_view kBaseline = "of baseline";
    if (rest.ends_with(kBaseline)) {
        rule.ofBaseline = true;
        rest = stripped(rest.substr(0, rest.size() - kBaseline.size()));
    }
    if (rest.empty()) {
        rule.unit = Unit::None;
    } else if (rest == "ms") {
        rule.unit = Unit::Millis;
    } else if (rest == "s") {
        rule.unit = Unit::Seconds;
    } else if (rest == "min") {
        rule.unit = Unit::Seconds;
        rule.value *= 60;
    } else if (rest == "%") {
        rule.unit = Unit::Share;
        rule.value /= 100;
    } else if (rest == "/s") {
        rule.unit = Unit::PerSecond;
    } else if (rest == "events") {
        rule.unit = Unit::Events;
    } else {
        return std::nullopt;
    }
    return rule;
}

std::optional<TimedRule> parseTimedRule(std::string_view text)
{
    text = stripped(text);
    const auto sign = text.find_first_of("<>=");
    const auto held = text.rfind(" for ");
    if (sign == std::string_view::npos || held == std::string_view::npos || held < sign)
        return std::nullopt;
    TimedRule result;
    result.series = stripped(text.substr(0, sign));
    const auto rule = parseRule(text.substr(sign, held - sign));
    const auto time = parseTime(text.substr(held + 5));
    if (!rule || !time || result.series.empty()
        || result.series.find_first_of(" \t") != std::string::npos)
        return std::nullopt;
    result.rule = *rule;
    result.forTime = *time;
    return result;
}

std::string timedRuleText(const std::string &series, const Rule &rule, Micros forTime)
{
    return fmt::format("{} {} for {}", series, rule.text(), timeText(forTime));
}

std::string nearest(std::string_view word, const std::vector<std::string> &known)
{
    std::string best;
    // A third of the letters may differ: "replicsa" is replicas, "foo" is nothing.
    std::size_t least = word.size() / 3 + 1;
    for (const auto &candidate : known) {
        std::vector<std::size_t> row(candidate.size() + 1);
        for (std::size_t j = 0; j <= candidate.size(); ++j)
            row[j] = j;
        for (std::size_t i = 1; i <= word.size(); ++i) {
            auto diagonal = row[0];
            row[0] = i;
            for (std::size_t j = 1; j <= candidate.size(); ++j) {
                const auto change = diagonal + (word[i - 1] == candidate[j - 1] ? 0 : 1);
                diagonal = row[j];
                row[j] = std::min({row[j] + 1, row[j - 1] + 1, change});
            }
        }
        if (row.back() <= least && (best.empty() || row.back() < least)) {
            least = row.back();
            best = candidate;
        }
    }
    return best;
}

std::string hint(std::string_view word, const std::vector<std::string> &known)
{
    if (word.size() > 64)
        return {};
    const auto near = nearest(word, known);
    return near.empty() ? near : fmt::format(" (did you mean `{}`?)", near);
}

} // namespace engine
