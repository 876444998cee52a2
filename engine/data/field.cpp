#include "engine/data/field.h"

#include <charconv>
#include <chrono>
#include <cmath>

namespace engine {
namespace {

bool isDigit(char c)
{
    return c >= '0' && c <= '9';
}

/// Takes exactly `digits` digits from the front.
std::optional<int> takeDigits(std::string_view &text, std::size_t digits)
{
    int value = 0;
    if (text.size() < digits)
        return std::nullopt;
    for (std::size_t i = 0; i < digits; ++i) {
        if (!isDigit(text[i]))
            return std::nullopt;
        value = value * 10 + (text[i] - '0');
    }
    text.remove_prefix(digits);
    return value;
}

bool takeOneOf(std::string_view &text, std::string_view characters)
{
    if (text.empty() || characters.find(text.front()) == std::string_view::npos)
        return false;
    text.remove_prefix(1);
    return true;
}

/// "+01:00", "-0530", "Z" or nothing, in seconds east of Greenwich.
std::optional<int> takeZone(std::string_view &text)
{
    if (text.empty() || takeOneOf(text, "Zz"))
        return 0;
    const int sign = text.front() == '-' ? -1 : 1;
    if (!takeOneOf(text, "+-"))
        return std::nullopt;
    const auto hours = takeDigits(text, 2);
    takeOneOf(text, ":");
    const auto minutes = text.empty() ? std::optional(0) : takeDigits(text, 2);
    if (!hours || !minutes || *hours > 23 || *minutes > 59)
        return std::nullopt;
    return sign * (*hours * 3600 + *minutes * 60);
}

/// "08:26", "08:26:00", "08:26:00.25" in seconds.
std::optional<double> takeClock(std::string_view &text)
{
    const auto hours = takeDigits(text, 2);
    if (!hours || !takeOneOf(text, ":"))
        return std::nullopt;
    const auto minutes = takeDigits(text, 2);
    if (!minutes || *hours > 24 || *minutes > 59)
        return std::nullopt;
    double seconds = *hours * 3600.0 + *minutes * 60.0;
    if (takeOneOf(text, ":")) {
        const auto whole = takeDigits(text, 2);
        if (!whole || *whole > 60)
            return std::nullopt;
        seconds += *whole;
        if (takeOneOf(text, ".,")) {
            if (text.empty() || !isDigit(text.front()))
                return std::nullopt;
            for (double scale = 0.1; !text.empty() && isDigit(text.front()); scale /= 10) {
                seconds += scale * (text.front() - '0');
                text.remove_prefix(1);
            }
        }
    }
    return seconds;
}

/// Bytes of the UTF-8 character at the front; 0 when it is none.
std::size_t utf8Length(std::string_view text)
{
    const auto at = [&text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const auto first = at(0);
    const std::size_t length = first < 0x80                     ? 1
                               : first >= 0xC2 && first <= 0xDF ? 2
                               : first >= 0xE0 && first <= 0xEF ? 3
                               : first >= 0xF0 && first <= 0xF4 ? 4
                                                                : 0;
    if (length == 0 || text.size() < length)
        return 0;
    for (std::size_t i = 1; i < length; ++i) {
        if ((at(i) & 0xC0) != 0x80)
            return 0;
    }
    // Too long forms, surrogates, beyond U+10FFFF.
    if ((first == 0xE0 && at(1) < 0xA0) || (first == 0xED && at(1) > 0x9F)
        || (first == 0xF0 && at(1) < 0x90) || (first == 0xF4 && at(1) > 0x8F))
        return 0;
    return length;
}

} // namespace

std::string_view trimmed(std::string_view text)
{
    constexpr std::string_view kSpace = " \t\r";
    const auto from = text.find_first_not_of(kSpace);
    if (from == std::string_view::npos)
        return {};
    return text.substr(from, text.find_last_not_of(kSpace) - from + 1);
}

std::optional<double> numberOf(std::string_view text)
{
    double value = 0;
    const auto *const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc() || stop != end || !std::isfinite(value))
        return std::nullopt;
    return value;
}

std::optional<double> timeOf(std::string_view text)
{
    if (const auto number = numberOf(text))
        return number;
    const auto year = takeDigits(text, 4);
    if (!year || !takeOneOf(text, "-/"))
        return std::nullopt;
    const auto month = takeDigits(text, 2);
    if (!month || !takeOneOf(text, "-/"))
        return std::nullopt;
    const auto day = takeDigits(text, 2);
    if (!day)
        return std::nullopt;
    using namespace std::chrono;
    const year_month_day date{std::chrono::year{*year},
                              std::chrono::month{static_cast<unsigned>(*month)},
                              std::chrono::day{static_cast<unsigned>(*day)}};
    if (!date.ok())
        return std::nullopt;
    double seconds = static_cast<double>(sys_days{date}.time_since_epoch().count()) * 86400.0;
    if (takeOneOf(text, "T ")) {
        const auto clock = takeClock(text);
        if (!clock)
            return std::nullopt;
        const auto zone = takeZone(text);
        if (!zone)
            return std::nullopt;
        seconds += *clock - *zone;
    }
    if (!text.empty())
        return std::nullopt;
    return seconds * 1e6;
}

std::string_view identifier(std::string_view text)
{
    text = trimmed(text);
    const auto point = text.find('.');
    if (point == std::string_view::npos || point == 0 || point + 1 == text.size())
        return text;
    if (text.find_first_not_of("0123456789") != point
        || text.find_first_not_of('0', point + 1) != std::string_view::npos)
        return text;
    return text.substr(0, point);
}

std::string cleanText(std::string_view text)
{
    text = trimmed(text);
    std::string clean;
    clean.reserve(text.size());
    while (!text.empty()) {
        const auto length = utf8Length(text);
        const auto byte = static_cast<unsigned char>(text.front());
        if (length == 0)
            clean += "\xEF\xBF\xBD";
        else if (byte < 0x20 || byte == 0x7F)
            clean += ' ';
        else
            clean += text.substr(0, length);
        text.remove_prefix(std::max<std::size_t>(length, 1));
    }
    return clean;
}

} // namespace engine
