#pragma once
// Series of a shop with several applications, for each APP of them: "gateway.APP.requests|answered|
// failed|earned|expected" (counts of the window) and "gateway.APP.quality" (earned over expected of
// the last ten seconds). What has no APP in its name counts all applications.

#include <string_view>

namespace engine {

/// recommend, search, ads, inventory.
[[nodiscard]] bool isApplicationName(std::string_view name);

} // namespace engine
