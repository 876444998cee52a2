#pragma once
// The checkpoint beside a package that is being trained: the state of the training, whose order it
// belongs to, and how long it has worked. Replaced whole or not at all; one process.

#include "engine/base/bytes.h"
#include "engine/base/error.h"

#include <filesystem>
#include <optional>

namespace app {

struct Checkpoint
{
    std::string order;     ///< digest of data, settings, seed and threads
    double seconds = 0;    ///< worked so far, pauses left out
    std::string recording; ///< of the training so far, or "": where its curves are
    engine::Bytes state;
};

/// "OUT.checkpoint".
[[nodiscard]] std::filesystem::path checkpointPath(const std::filesystem::path &out);

[[nodiscard]] engine::Result<> writeCheckpoint(const std::filesystem::path &file,
                                               const Checkpoint &checkpoint);
/// Nothing when there is none; InvalidInput for a file that is damaged.
[[nodiscard]] engine::Result<std::optional<Checkpoint>>
readCheckpoint(const std::filesystem::path &file);

} // namespace app
