#pragma once
// Keeps the shop of the console: finds or makes it, brings it up, and between runs keeps load on it
// and records what happens (the idle file).
//
// Threads: what says "worker" runs on one worker thread at a time and may block for seconds; the
// rest may come from any thread and never blocks.

#include "engine/agent/local_cluster.h"
#include "engine/cluster/operations.h"
#include "engine/drill/drill.h"
#include "engine/recording/idle_recorder.h"

#include <mutex>
#include <stop_token>

namespace console {

class ShopKeeper
{
public:
    using Cluster = std::shared_ptr<engine::LocalCluster>;
    using Say = std::function<void(const std::string &)>;

    /// `say`: one sentence of what is being done, from the worker. `clock` outlives it.
    ShopKeeper(engine::Paths paths, std::string shop, const engine::Clock &clock, Say say);
    /// Ends the idle recording and gives the lease back.
    ~ShopKeeper();

    [[nodiscard]] const std::string &shop() const { return m_shop; }
    /// Worker: opens the agent, and a new one when the one we had is gone.
    [[nodiscard]] engine::Result<Cluster> cluster();
    /// Worker: the shop as the drill needs it, made from synthetic data when there is none. `stop`
    /// ends the making at once and leaves nothing behind.
    [[nodiscard]] engine::Result<void> bringUp(const engine::ShopNeed &need, std::stop_token stop);
    /// Worker: idle load and idle recording.
    [[nodiscard]] engine::Result<void> serve();
    /// Worker: ends idle load and recording, so that a run can have both.
    void yield();

    /// The cluster we have, or null.
    [[nodiscard]] Cluster current() const;
    [[nodiscard]] engine::Result<engine::ShopStatus> status() const;
    /// Why there is no agent, or "".
    [[nodiscard]] std::string problem() const;
    /// The idle file being written ("" while none is) and its recorder's health.
    [[nodiscard]] std::string idleFile() const;
    [[nodiscard]] engine::RecorderStatus idleStatus() const;
    /// Into the idle file; false when none is being written.
    bool tell(engine::Payload payload);

private:
    [[nodiscard]] engine::Result<void> ensureFolder(std::stop_token stop);
    [[nodiscard]] engine::Result<void> loadIdle();
    void recordIdle();
    void listen(const std::shared_ptr<engine::IdleRecorder> &idle);

    const engine::Paths m_paths;
    const std::string m_shop;
    const engine::Clock &m_clock;
    const Say m_say;
    mutable std::mutex m_mutex;
    Cluster m_cluster;                            ///< under m_mutex
    std::shared_ptr<engine::IdleRecorder> m_idle; ///< under m_mutex: null while a run is on
    std::string m_problem;                        ///< under m_mutex
};

} // namespace console
