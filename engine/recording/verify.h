#pragma once
// Says whether a recording is what its writer wrote: chain, seals, keyframes, all of it.

#include "engine/base/clock.h"
#include "engine/base/error.h"

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace engine {

struct VerifyOptions
{
    std::string signer; ///< public key in hex that must have sealed it; "" = any
    /// Asked now and then with the share that is done; false stops (exit code 4).
    std::function<bool(double)> goOn;
};

struct VerifyReport
{
    /// 0 sound; 3 unclosed or with an unsealed tail; 4 unreadable; 5 changed.
    int exitCode = 4;
    std::string sentence; ///< what was found, for a person
    std::string signer;   ///< public key in hex, "" when not sealed
    std::vector<std::string> notes;
    std::uint64_t batches = 0, sealedBatches = 0, events = 0, rows = 0, keyframes = 0;
    std::int64_t soundTo = INT64_MIN; ///< us since t = 0: the chain holds up to here
    std::uint64_t soundSeq = 0;       ///< and of the events up to this one
    bool isTrimmed = false;           ///< a part of a recording, see `sentence`
};

[[nodiscard]] VerifyReport verifyRecording(const std::filesystem::path &path, const Clock &clock,
                                           const VerifyOptions &options = {});
/// {"exit_code", "sound", "sentence", "signer", ...}
[[nodiscard]] std::string toJson(const VerifyReport &report);

} // namespace engine
