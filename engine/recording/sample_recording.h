#pragma once
// Makes a recording of any length without a shop: for measuring how recordings are read, for tests
// and for trying out playback. The contents are made up; the file is a real one, by the real
// writer.

#include "engine/base/clock.h"
#include "engine/base/digest.h"
#include "engine/base/error.h"

#include <filesystem>
#include <functional>
#include <stop_token>

namespace engine {

struct SampleOptions
{
    double hours = 24;
    int series = 200; ///< columns; a sketch for every eighth or so comes on top
    int rate = 10;    ///< rows per second: 1, 2, 5 or 10
    int eventsPerSecond = 50;
    std::uint64_t seed = 1;          ///< the same seed gives the same rows and events
    const SigningKey *key = nullptr; ///< sealed with it each minute; null = unsealed
};

struct SampleReport
{
    std::uint64_t rows = 0, events = 0, bytes = 0;
    double seconds = 0; ///< it took
};

/// A shop with a daily wave of load and a fault each hour (one at least). A commit stands for a
/// second, not for 50 ms as live. `path` must not be there. Stopped early, what is there is closed
/// and whole, and the error is Partial. `progress` gets 0 ... 1 from time to time.
[[nodiscard]] Result<SampleReport>
makeSampleRecording(const std::filesystem::path &path, const SampleOptions &options,
                    const Clock &clock, std::stop_token stop = {},
                    const std::function<void(double)> &progress = {});

} // namespace engine
