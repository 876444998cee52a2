#pragma once
// Runs drillroom-train as a child of low priority that ends with us, and relays what it says; the
// caller stays free of LibTorch.

#include "engine/base/error.h"
#include "engine/base/paths.h"

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <stop_token>
#include <string>
#include <vector>

namespace app {

struct TrainProcess
{
    std::vector<std::string> arguments;
    std::string input;   ///< its standard input: the order
    bool gentle = false; ///< stop asks it to end in order (SIGTERM) instead of killing it
};

/// Each line that is a JSON object, on the calling thread. {"error", "code", "place"} is kept for
/// the result instead.
using TrainLine = std::function<void(const nlohmann::json &line)>;

/// Blocks until it has ended. Halted after a stop; else what the child said was wrong.
[[nodiscard]] engine::Result<> runTrainProcess(const engine::Paths &paths,
                                               const TrainProcess &process, const TrainLine &line,
                                               std::stop_token stop = {});

} // namespace app
