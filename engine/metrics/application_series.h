#pragma once
// Series of a shop with several applications, for each APP of them: "gateway.APP.requests|answered|
// failed|earned|expected" (counts of the window) and "gateway.APP.quality" (earned over expected of
// the last ten seconds). What has no APP in its name counts all applications.

#include <algorithm>
#include <array>
#include <string_view>

namespace engine {

inline constexpr std::array<std::string_view, 4> kApplicationNames{"recommend", "search", "ads",
                                                                   "inventory"};

[[nodiscard]] constexpr bool isApplicationName(std::string_view name)
{
    return std::find(kApplicationNames.begin(), kApplicationNames.end(), name)
           != kApplicationNames.end();
}

} // namespace engine
