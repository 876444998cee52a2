#pragma once
// One drill from file to verdict: the runner, the recorder and a cluster put together, for drillctl
// and the console.

#include "engine/agent/local_cluster.h"
#include "engine/drill/drill_file.h"
#include "engine/drill/drill_runner.h"
#include "engine/recording/recorder.h"

namespace app {

struct DrillOrder
{
    std::string drill; ///< a name in the library or a path
    std::string shop;
    engine::Overrides overrides;
    std::uint64_t seed = 1;
    std::filesystem::path record; ///< empty: a new file under Paths::recordings()
    std::vector<std::string> without;
    bool unsafe = false; ///< `without` may name verification
    int retryNoise = 0;  ///< how many runs that the host disturbed may be repeated
};

/// A run that is on, for who wants to add to its recording or end it.
struct RunOn
{
    std::shared_ptr<engine::Recorder> recorder; ///< null = the run is over
    std::function<void(std::string why)> abort; ///< ends it in order: undone first, then recorded
};

struct DrillHooks
{
    std::function<void(const std::filesystem::path &)>
        recording;                                     ///< the file that is being written now
    std::function<void(const engine::RunNews &)> news; ///< on the run's thread
    /// With the run before it begins, and with an empty one before it goes away: neither recorder
    /// nor abort may be kept or called after that. On the calling thread.
    std::function<void(const RunOn &)> on;
};

struct DrillOutcome
{
    engine::Verdict verdict; ///< folded from the closed file, never from memory
    std::filesystem::path recording;
    bool synthetic = false;
    int noisy = 0; ///< runs thrown away for host noise
};

/// Blocks until the run is over and its file is closed; stop aborts the run (everything is undone
/// first). An error means that no run took place; no file is left then.
[[nodiscard]] engine::Result<DrillOutcome>
runDrill(engine::LocalCluster &cluster, const engine::Paths &paths, const engine::Clock &clock,
         const DrillOrder &order, const DrillHooks &hooks, std::stop_token stop = {});

} // namespace app
