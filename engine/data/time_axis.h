#pragma once
// The periods of a table of series: day, week, month or plain number, as consecutive whole numbers.
// Learned from the times of a file, kept in the model, so that the same text means the same period
// everywhere. Value; any thread.

#include "engine/base/error.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace engine {

/// A time as it stands in a file.
struct TimeText
{
    enum class Kind : std::uint32_t { Number, Date, Moment, Month } kind = Kind::Number;
    std::int64_t value = 0; ///< number; days since 1970; seconds since 1970; months since year 0
};

/// "2010-12" is a month, "2010-12-01" a date, "2010-12-01 08:26" a moment, "135" a number.
/// InvalidInput for anything else; numbers must be whole.
[[nodiscard]] Result<TimeText> readTime(std::string_view text);

struct TimeAxis
{
    TimeText::Kind kind = TimeText::Kind::Number;
    std::int64_t origin = 0;          ///< of period 0, in the unit of TimeText::value
    std::int64_t step = 1;            ///< between periods; always 1 for days with closed weekdays
    std::uint32_t weekdays = 0x7F;    ///< bit 0 = Monday: days that are periods, when step is a day
    std::vector<std::int64_t> closed; ///< further days that are none (holidays), rising

    template <class A>
    void fields(A &a)
    {
        a(kind);
        a(origin);
        a(step);
        a(weekdays);
        a(closed);
    }

    /// From the distinct times of a file, any order: the step is their greatest common divisor;
    /// weekdays that never occur are no periods, nor are days inside the span that are missing when
    /// `areDense` (so many series that a day without any row was closed).
    [[nodiscard]] static Result<TimeAxis> of(std::vector<TimeText> times, bool areDense);

    /// InvalidInput when the time is of another kind or lies between two periods.
    [[nodiscard]] Result<std::int64_t> period(TimeText time) const;
    [[nodiscard]] std::string text(std::int64_t period) const;

    /// 7 (or the open weekdays) for days, 52 for weeks, 12 for months, 24 for hours, else 0.
    [[nodiscard]] int season() const;
    /// What the calendar says of a period, -1 where it says nothing: weekday from 0 = Monday, day
    /// of the month from 1, month from 1, week of the year from 0, hour.
    struct Calendar
    {
        int weekday = -1, day = -1, month = -1, week = -1, hour = -1;
    };
    [[nodiscard]] Calendar calendar(std::int64_t period) const;

private:
    [[nodiscard]] bool hasClosedDays() const
    {
        return kind == TimeText::Kind::Date && step == 1 && (weekdays != 0x7F || !closed.empty());
    }
    /// The number of periods in days [origin, origin + days); negative before the origin.
    [[nodiscard]] std::int64_t openDays(std::int64_t days) const;
    [[nodiscard]] std::int64_t valueOf(std::int64_t period) const;
};

} // namespace engine
