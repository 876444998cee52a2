#pragma once
// A recording as one HTML page.

#include "engine/base/error.h"

#include <filesystem>

namespace app {

/// Reads the file and draws it; nothing is written.
[[nodiscard]] engine::Result<std::string> reportOf(const std::filesystem::path &recording);

} // namespace app
