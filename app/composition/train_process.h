#pragma once
// Runs drillroom-train as a child of low priority that ends with us, and relays what it says; the
// caller stays free of LibTorch.

#include "engine/base/error.h"
#include "engine/base/paths.h"

#include <functional>
#include <memory>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <stop_token>
#include <string>
#include <sys/types.h>
#include <vector>

namespace app {

/// Words to a child that runs: "pause", "resume", "stop" (job_main.h). From any thread; nobody
/// hears them before it runs and after it has ended.
class TrainWords
{
public:
    void say(std::string_view word);
    /// For one that does not end when it is asked to.
    void kill();

private:
    friend class TrainWordsOn;
    std::mutex m_mutex;
    int m_to = -1;      ///< under m_mutex
    pid_t m_child = -1; ///< under m_mutex
};

struct TrainProcess
{
    std::vector<std::string> arguments;
    std::string input;   ///< its standard input: the order
    bool gentle = false; ///< stop asks it to end in order (SIGTERM) instead of killing it
    std::shared_ptr<TrainWords> words = {}; ///< or null: nothing more is said to it
};

/// Each line that is a JSON object, on the calling thread. {"error", "code", "place"} is kept for
/// the result instead.
using TrainLine = std::function<void(const nlohmann::json &line)>;

/// Blocks until it has ended. Halted after a stop; else what the child said was wrong.
[[nodiscard]] engine::Result<> runTrainProcess(const engine::Paths &paths,
                                               const TrainProcess &process, const TrainLine &line,
                                               std::stop_token stop = {});

} // namespace app
