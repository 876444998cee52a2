#pragma once
// Takes a file out of its place and puts it back; never deletes, never overwrites.

#include "engine/base/error.h"

#include <filesystem>

namespace engine {

/// Renames; InvalidInput when something lies at `to` already, NotFound when nothing is at `from`.
/// Returns at once.
[[nodiscard]] Result<> moveAside(const std::filesystem::path &from,
                                 const std::filesystem::path &to);

/// FILE.NAME-1, -2 ...: the first that is free.
[[nodiscard]] std::filesystem::path freeName(const std::filesystem::path &file,
                                             const std::string &name);

} // namespace engine
