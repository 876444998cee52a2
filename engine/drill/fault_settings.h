#pragma once
// The settings of a fault, read from the words of a drill file: the same reading serves the file's
// check and the agent that applies it.

#include "engine/base/clock.h"
#include "engine/base/error.h"

#include <map>
#include <string>

namespace engine {

/// What the calls of a model server suffer: each is held for `delay`, then one in `share` of them
/// ends with `status` (a gRPC status code; 0 = none does).
struct CallSettings
{
    Micros delay{0};
    int status = 0;
    double share = 1;
};

/// Of model.slow (delay) and model.error (code, share); InvalidInput says what to write instead.
[[nodiscard]] Result<CallSettings>
readCallSettings(const std::string &fault, const std::map<std::string, std::string> &settings);

/// What changes in the file of a model: single bytes, or a share of its largest table's rows.
struct CorruptSettings
{
    std::uint64_t bytes = 0; ///< 0 = as many as the file has
    double rows = 0;         ///< share that change places; 0 = single bytes change
};

/// Of model.corrupt (bytes, rows).
[[nodiscard]] Result<CorruptSettings>
readCorruptSettings(const std::map<std::string, std::string> &settings);

/// Of model.bad-deploy (model): shuffled or under-trained.
[[nodiscard]] Result<std::string> readBadModel(const std::map<std::string, std::string> &settings);

/// Looks at the settings of any fault; used where a file is read.
[[nodiscard]] Result<> checkSettings(const std::string &fault,
                                     const std::map<std::string, std::string> &settings);

} // namespace engine
