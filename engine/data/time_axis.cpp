#include "engine/data/time_axis.h"

#include "engine/data/field.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <numeric>

namespace engine {
namespace {

constexpr std::int64_t kDay = 86400;

std::int64_t floorDiv(std::int64_t a, std::int64_t b)
{
    return a / b - (a % b != 0 && (a % b < 0) != (b < 0) ? 1 : 0);
}

/// Monday = 0; 1970-01-01 was a Thursday.
int weekdayOf(std::int64_t day)
{
    return static_cast<int>(((day + 3) % 7 + 7) % 7);
}

std::chrono::year_month_day dateOf(std::int64_t day)
{
    return std::chrono::year_month_day{std::chrono::sys_days{std::chrono::days{day}}};
}

std::string dateText(std::int64_t day)
{
    const auto date = dateOf(day);
    char text[32];
    std::snprintf(text, sizeof text, "%04d-%02u-%02u", static_cast<int>(date.year()),
                  static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
    return text;
}

bool isDigits(std::string_view text)
{
    return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

int popcount(std::uint32_t mask)
{
    int n = 0;
    for (; mask != 0; mask &= mask - 1)
        ++n;
    return n;
}

} // namespace

Result<TimeText> readTime(std::string_view text)
{
    text = trimmed(text);
    if (text.size() == 7 && (text[4] == '-' || text[4] == '/') && isDigits(text.substr(0, 4))
        && isDigits(text.substr(5))) {
        const int year = std::stoi(std::string(text.substr(0, 4)));
        const int month = std::stoi(std::string(text.substr(5)));
        if (month >= 1 && month <= 12)
            return TimeText{TimeText::Kind::Month, year * 12 + month - 1};
    }
    if (const auto number = numberOf(text)) {
        if (*number != std::floor(*number) || std::abs(*number) > 9e15)
            return fail(ErrorCode::InvalidInput,
                        "A time given as a number must be whole, not " + std::string(text));
        return TimeText{TimeText::Kind::Number, static_cast<std::int64_t>(*number)};
    }
    if (const auto micros = timeOf(text)) {
        const auto seconds = static_cast<std::int64_t>(std::floor(*micros / 1e6));
        if (text.size() <= 10)
            return TimeText{TimeText::Kind::Date, floorDiv(seconds, kDay)};
        return TimeText{TimeText::Kind::Moment, seconds};
    }
    return fail(ErrorCode::InvalidInput,
                "\"" + cleanText(text.substr(0, 40))
                    + "\" is no time; write a whole number, 2010-12, 2010-12-01 or "
                      "2010-12-01 08:00");
}

Result<TimeAxis> TimeAxis::of(std::vector<TimeText> times, bool areDense)
{
    if (times.empty())
        return fail(ErrorCode::InvalidInput, "There are no times");
    // Moments at midnight only are dates.
    const bool allMidnight = std::all_of(times.begin(), times.end(), [](const TimeText &time) {
        return time.kind == TimeText::Kind::Date
               || (time.kind == TimeText::Kind::Moment && time.value % kDay == 0);
    });
    for (auto &time : times) {
        if (allMidnight && time.kind == TimeText::Kind::Moment)
            time = {TimeText::Kind::Date, floorDiv(time.value, kDay)};
        else if (!allMidnight && time.kind == TimeText::Kind::Date
                 && times.front().kind == TimeText::Kind::Moment)
            time = {TimeText::Kind::Moment, time.value * kDay};
        if (time.kind != times.front().kind)
            return fail(ErrorCode::InvalidInput,
                        "The times are of different kinds (numbers, dates, months); use one");
    }
    std::sort(times.begin(), times.end(), [](auto a, auto b) { return a.value < b.value; });
    TimeAxis axis;
    axis.kind = times.front().kind;
    axis.origin = times.front().value;
    std::int64_t step = 0;
    for (const auto &time : times)
        step = std::gcd(step, time.value - axis.origin);
    axis.step = std::max<std::int64_t>(1, step);
    if (axis.kind != TimeText::Kind::Date || axis.step != 1)
        return axis;
    const auto days = times.back().value - axis.origin + 1;
    std::uint32_t seen = 0;
    for (const auto &time : times)
        seen |= 1u << weekdayOf(time.value);
    if (days >= 28)
        axis.weekdays = seen;
    if (!areDense)
        return axis;
    std::size_t at = 0;
    for (auto day = axis.origin; day <= times.back().value; ++day) {
        while (at < times.size() && times[at].value < day)
            ++at;
        if (times[at].value != day && (axis.weekdays >> weekdayOf(day) & 1u) != 0)
            axis.closed.push_back(day);
    }
    return axis;
}

std::int64_t TimeAxis::openDays(std::int64_t days) const
{
    const auto weeks = floorDiv(days, 7);
    auto open = weeks * popcount(weekdays);
    for (auto day = origin + weeks * 7; day < origin + days; ++day)
        open += static_cast<std::int64_t>(weekdays >> weekdayOf(day) & 1u);
    const auto until = [this](std::int64_t day) {
        return std::lower_bound(closed.begin(), closed.end(), day) - closed.begin();
    };
    return open - (until(origin + days) - until(origin));
}

Result<std::int64_t> TimeAxis::period(TimeText time) const
{
    if (kind == TimeText::Kind::Date && time.kind == TimeText::Kind::Moment
        && time.value % kDay == 0)
        time = {kind, floorDiv(time.value, kDay)};
    if (kind == TimeText::Kind::Moment && time.kind == TimeText::Kind::Date)
        time = {kind, time.value * kDay};
    if (time.kind != kind)
        return fail(ErrorCode::InvalidInput,
                    "The time is of another kind than those the model was trained on");
    const auto off = time.value - origin;
    if (std::abs(off) > 4'000'000'000'000)
        return fail(ErrorCode::InvalidInput, "The time is out of reach");
    if (hasClosedDays()) {
        if ((weekdays >> weekdayOf(time.value) & 1u) == 0
            || std::binary_search(closed.begin(), closed.end(), time.value))
            return fail(ErrorCode::InvalidInput,
                        dateText(time.value) + " is a day on which nothing was ever sold");
        return openDays(off);
    }
    if (off % step != 0)
        return fail(ErrorCode::InvalidInput, "The time lies between two periods, which are "
                                                 + std::to_string(step) + " apart");
    return off / step;
}

std::int64_t TimeAxis::valueOf(std::int64_t period) const
{
    if (!hasClosedDays())
        return origin + period * step;
    // The first day by whose end `period` + 1 days were open.
    std::int64_t low = period - 1, high = period + 1;
    while (openDays(low + 1) > period)
        low -= 7 + (high - low);
    while (openDays(high + 1) <= period)
        high += 7 + (high - low);
    while (high - low > 1) {
        const auto middle = low + (high - low) / 2;
        (openDays(middle + 1) > period ? high : low) = middle;
    }
    return origin + high;
}

std::string TimeAxis::text(std::int64_t period) const
{
    const auto value = valueOf(period);
    char text[48];
    switch (kind) {
    case TimeText::Kind::Number:
        return std::to_string(value);
    case TimeText::Kind::Month:
        std::snprintf(text, sizeof text, "%04lld-%02lld",
                      static_cast<long long>(floorDiv(value, 12)),
                      static_cast<long long>(value - floorDiv(value, 12) * 12 + 1));
        return text;
    case TimeText::Kind::Date:
        return dateText(value);
    case TimeText::Kind::Moment: {
        const auto day = floorDiv(value, kDay);
        const auto second = value - day * kDay;
        std::snprintf(
            text, sizeof text, " %02lld:%02lld:%02lld", static_cast<long long>(second / 3600),
            static_cast<long long>(second / 60 % 60), static_cast<long long>(second % 60));
        return dateText(day) + text;
    }
    }
    return {};
}

int TimeAxis::season() const
{
    if (kind == TimeText::Kind::Month)
        return step == 1 ? 12 : step == 3 ? 4 : 0;
    if (kind == TimeText::Kind::Date)
        return step == 1 ? popcount(weekdays) : step == 7 ? 52 : 0;
    if (kind == TimeText::Kind::Moment)
        return step == 3600 ? 24 : 0;
    return 0;
}

TimeAxis::Calendar TimeAxis::calendar(std::int64_t period) const
{
    Calendar calendar;
    const auto value = valueOf(period);
    if (kind == TimeText::Kind::Number)
        return calendar;
    if (kind == TimeText::Kind::Month) {
        calendar.month = static_cast<int>(value - floorDiv(value, 12) * 12) + 1;
        return calendar;
    }
    const auto day = kind == TimeText::Kind::Date ? value : floorDiv(value, kDay);
    const auto date = dateOf(day);
    calendar.weekday = weekdayOf(day);
    calendar.day = static_cast<int>(static_cast<unsigned>(date.day()));
    calendar.month = static_cast<int>(static_cast<unsigned>(date.month()));
    const std::chrono::sys_days newYear{date.year() / std::chrono::January / 1};
    calendar.week = static_cast<int>((day - newYear.time_since_epoch().count()) / 7);
    if (kind == TimeText::Kind::Moment)
        calendar.hour = static_cast<int>((value - day * kDay) / 3600);
    return calendar;
}

} // namespace engine
