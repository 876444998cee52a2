#include "engine/drill/drill.h"

#include <fmt/format.h>

namespace engine {
namespace {

std::string_view sign(Compare compare)
{
    switch (compare) {
    case Compare::LessEqual:
        return "<=";
    case Compare::Less:
        return "<";
    case Compare::GreaterEqual:
        return ">=";
    case Compare::Greater:
        return ">";
    case Compare::Equal:
        return "==";
    }
    return "?";
}

/// Ten digits hide the last bit of "0.07 * 100" and keep every limit that a person writes.
std::string quantity(double value, Unit unit)
{
    switch (unit) {
    case Unit::None:
        return fmt::format("{:.10g}", value);
    case Unit::Millis:
        return fmt::format("{:.10g} ms", value);
    case Unit::Seconds:
        return fmt::format("{:.10g} s", value);
    case Unit::Share:
        return fmt::format("{:.10g} %", value * 100);
    case Unit::Events:
        return fmt::format("{:.10g} events", value);
    case Unit::PerSecond:
        return fmt::format("{:.10g} /s", value);
    }
    return {};
}

} // namespace

bool Rule::holds(double reading) const
{
    switch (compare) {
    case Compare::LessEqual:
        return reading <= value;
    case Compare::Less:
        return reading < value;
    case Compare::GreaterEqual:
        return reading >= value;
    case Compare::Greater:
        return reading > value;
    case Compare::Equal:
        return reading == value;
    }
    return false;
}

std::string Rule::text() const
{
    return fmt::format("{} {}{}", sign(compare), quantity(value, unit),
                       ofBaseline ? " of baseline" : "");
}

} // namespace engine
