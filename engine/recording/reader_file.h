#pragma once
// A recording before SQLite sees it: its first bytes, and a private copy of one that was not
// closed. Private to this folder.

#include "engine/base/error.h"

#include <filesystem>

namespace engine {

struct RecordingHeader
{
    bool isWal = false;
    std::uint32_t minor = 0; ///< of our major version
};

/// Is it one of ours at all, and one that we can read? Errors say why not.
[[nodiscard]] Result<RecordingHeader> readRecordingHeader(const std::filesystem::path &path);

/// File and WAL as they were at one instant, as copy.drl in a folder of our own.
[[nodiscard]] Result<std::filesystem::path>
copyRecordingPrivately(const std::filesystem::path &path);

/// "1.1"
[[nodiscard]] std::string recordingFormatName(std::uint32_t major, std::uint32_t minor);

[[nodiscard]] Error damagedRecording(const std::filesystem::path &path, const std::string &what);

} // namespace engine
