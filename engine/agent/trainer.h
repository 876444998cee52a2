#pragma once
// Trainings that the agent has done: one drillroom-train at a time, a process of the launcher's
// like those of the shop, at low priority and with one thread, so that serving does not feel it.

#include "engine/agent/launcher.h"
#include "engine/base/paths.h"

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>

namespace engine {

struct TrainedVersion
{
    std::string version, digest;
    bool gatePassed = false;
    std::map<std::string, double> metrics;
};

/// Thread-safe. started() and ended() are for the thread that reads the launcher.
class Trainer
{
public:
    static constexpr const char *kTarget = "training/1"; ///< its name at the launcher
    /// A line of progress: what it does, and the part done (below 0: unknown).
    using Progress = std::function<void(const std::string &what, double part)>;

    Trainer(const Paths &paths, const Clock &clock, Launcher &launcher)
        : m_paths(paths), m_clock(clock), m_launcher(launcher)
    {
    }
    /// Trains for the shop in `folder`, `as` in shop_model.h (again, shuffled, under-trained): the
    /// new version is in the registry then and serves nowhere. Blocks; Busy while another is under
    /// way, Halted when cancelled.
    [[nodiscard]] Result<TrainedVersion> train(const std::filesystem::path &folder,
                                               const std::string &as, std::uint64_t seed,
                                               const Progress &progress);
    /// Kills what runs; its train() returns soon.
    void cancel();
    void started(const ProcessStarted &report);
    void ended(const ProcessEnded &report);

private:
    Result<TrainedVersion> watch(const Progress &progress, std::uintmax_t from);

    const Paths m_paths;
    const Clock &m_clock;
    Launcher &m_launcher;
    std::mutex m_mutex; // guards all below
    std::condition_variable m_changed;
    bool m_busy = false, m_cancelled = false;
    ProcessId m_id;
    std::optional<std::string> m_how; ///< how it ended
};

} // namespace engine
