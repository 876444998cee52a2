#pragma once
// Cuts a part out of a recording that still proves itself: verify says from when to when it is, of
// which recording, and who signed that.

#include "engine/base/clock.h"
#include "engine/base/error.h"

#include <filesystem>
#include <functional>

namespace engine {

struct TrimReport
{
    std::int64_t from = 0, to = 0;      ///< us since t = 0: what was kept, whole batches
    std::uint64_t kept = 0, linked = 0; ///< batches with rows; batches of which only hashes went in
    bool isSealed = false;              ///< false: the original has no seal behind the part
};

/// Keeps everything from the last keyframe at or before `from` up to `to` (us since t = 0). `out`
/// must not exist. How it stays provable is told in README.md. Errors: InvalidInput (range, or a
/// recording that cannot be cut), Untrusted (the original does not match its own chain), Io.
[[nodiscard]] Result<TrimReport> trimRecording(const std::filesystem::path &path, std::int64_t from,
                                               std::int64_t to, const std::filesystem::path &out,
                                               const Clock &clock);

} // namespace engine
