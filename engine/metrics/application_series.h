#pragma once
// Series of a shop with several applications, for each APP of them: "gateway.APP.requests|answered|
// failed|earned|expected" (counts of the window) and "gateway.APP.quality" (earned over expected of
// the last ten seconds). What has no APP in its name counts all applications.

#include <string_view>

namespace engine {

[[nodiscard]] constexpr bool isApplicationName(std::string_view name)
{
    return name == "recommend" || name == "search" || name == "ads" || name == "inventory";
}

} // namespace engine
