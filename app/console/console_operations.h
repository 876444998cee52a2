#pragma once
// The console's acts on a real shop: agent by LocalCluster, runs by DrillRunner, recordings by
// Recorder. The one place of the console that names these.
//
// Threads: calls come from the GUI thread (lists and shop() from pool threads) and never block it.
// Commands to the agent run on one worker in order; a run is waited for on a thread of its own; the
// emergency stop has its own thread and needs none of the others. Replies are posted to the GUI
// thread.

#include "app/console/run_lists.h"
#include "app/console/worker.h"
#include "engine/agent/local_cluster.h"
#include "engine/drill/drill_runner.h"
#include "engine/recording/idle_recorder.h"

#include <QObject>

namespace console {

class ConsoleOperations final : public engine::Operations
{
public:
    /// `clock` outlives it. `shop` is the folder used by startShop and by drills.
    ConsoleOperations(engine::Paths paths, std::string shop, const engine::Clock &clock);
    /// Aborts a run that is on, waits until its recording is closed, gives the lease back.
    ~ConsoleOperations() override;

    std::vector<engine::DrillSummary> drills() override;
    std::vector<engine::RecordingSummary> recordings() override;
    std::vector<engine::Check> checks() override;
    engine::Result<engine::ShopStatus> shop() override;
    [[nodiscard]] engine::RunProgress progress() const override;
    std::unique_ptr<engine::Timeline> openLive() override;
    engine::Result<std::unique_ptr<engine::Timeline>>
    openRecording(const std::string &path) override;
    void startShop(Reply<void> done) override;
    void startDrill(const std::string &path, Reply<void> done) override;
    void abortDrill(Reply<void> done) override;
    void halt(bool release) override;
    void undoNow(std::uint32_t faultId, Reply<void> done) override;
    void acknowledge(const std::string &who) override;
    void restart(const std::string &target, Reply<void> done) override;
    void note(const std::string &who, const std::string &text) override;
    void exportReport(const std::string &recording, const std::string &htmlPath,
                      Reply<void> done) override;

private:
    using Cluster = std::shared_ptr<engine::LocalCluster>;

    void answer(Reply<void> done, engine::Result<void> result);
    void say(const std::string &message);
    void act(engine::OperatorActed act);
    // On the worker:
    [[nodiscard]] engine::Result<Cluster> cluster();
    [[nodiscard]] engine::Result<void> ensureShopFolder();
    [[nodiscard]] engine::Result<void> bringUp(const engine::ShopNeed &need);
    [[nodiscard]] engine::Result<void> idleLoad();
    [[nodiscard]] engine::Result<void> beginRun(const std::string &path);
    void recordIdle();
    void stopIdle();
    void waitForRun(const std::shared_ptr<engine::Recorder> &recorder);
    void finishRun();
    void listenWith(const std::shared_ptr<engine::RunSink> &sink);

    const engine::Paths m_paths;
    const std::string m_shop;
    const engine::Clock &m_clock;
    RunList m_runs;
    QObject m_guiContext; ///< replies stop with it

    mutable std::mutex m_mutex;
    engine::RunProgress m_progress;               ///< under m_mutex
    Cluster m_cluster;                            ///< under m_mutex
    std::shared_ptr<engine::RunSink> m_sink;      ///< under m_mutex: of the run, else idle
    std::shared_ptr<engine::IdleRecorder> m_idle; ///< under m_mutex: null while a run is on
    std::string m_clusterProblem;                 ///< under m_mutex: why there is no agent

    // Worker only
    std::optional<engine::SigningKey> m_key;
    std::unique_ptr<engine::DrillRunner> m_runner;
    std::jthread m_haltThread; ///< GUI thread starts it
    std::jthread m_waiter;     ///< waits for the run's end
    Worker m_worker;           ///< last but for nothing: stops before what it uses
};

} // namespace console
