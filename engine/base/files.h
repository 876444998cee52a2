#pragma once
// Small file helpers that say what went wrong and never leave half a file behind.

#include "engine/base/bytes.h"
#include "engine/base/error.h"

#include <filesystem>

namespace engine {

/// The whole file; refuses more than `limit` bytes, FIFOs and devices.
[[nodiscard]] Result<Bytes> readFile(const std::filesystem::path &path, std::uint64_t limit);
[[nodiscard]] Result<std::string> readText(const std::filesystem::path &path, std::uint64_t limit);

/// Temporary file beside it, fsync, rename, fsync of the folder: the old content or the new one,
/// never a part.
[[nodiscard]] Result<> writeFileAtomically(const std::filesystem::path &path,
                                           std::span<const std::uint8_t> data,
                                           unsigned mode = 0644);
[[nodiscard]] Result<> writeTextAtomically(const std::filesystem::path &path, std::string_view text,
                                           unsigned mode = 0644);

/// Makes the folder and its parents, 0700; an error if it is there and belongs to somebody else.
[[nodiscard]] Result<> makePrivateFolder(const std::filesystem::path &path);

} // namespace engine
