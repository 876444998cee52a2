#pragma once
// The operator's acts on a real shop: the shop by ShopKeeper, runs by app::runDrill, recordings by
// openTimeline.
//
// Threads: calls come from the GUI thread (lists and shop() from pool threads) and never block it.
// Commands to the agent run on one worker in order; a run has a thread of its own; so has the
// emergency stop, which needs none of the others. Replies are posted to the GUI thread.

#include "app/composition/drill_run.h"
#include "app/console/run_lists.h"
#include "app/console/shop_keeper.h"
#include "app/console/training_desk.h"
#include "app/console/worker.h"

#include <QObject>

namespace console {

class ConsoleOperations final : public engine::Operations
{
public:
    /// `clock` outlives it. `shop` is the folder used by startShop and by drills.
    ConsoleOperations(engine::Paths paths, std::string shop, const engine::Clock &clock);
    /// Stops what is being made, aborts a run that is on, waits until its recording is closed,
    /// gives the lease back.
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
    [[nodiscard]] engine::Trainings *trainings() override { return &m_desk; }

private:
    void answer(Reply<void> done, engine::Result<void> result);
    void say(const std::string &message);
    void act(engine::Act act, std::string who, std::string text = {}, std::string target = {});
    /// A stop for what begins now; ends with stopEverything().
    [[nodiscard]] std::stop_token newOrder();
    void endOrder(const std::string &why);
    void onCluster(Reply<void> done,
                   std::function<engine::Result<void>(engine::LocalCluster &)> what);
    // On the worker:
    [[nodiscard]] engine::Result<void> beginRun(const std::string &path, std::stop_token stop);
    void endRun(const std::string &error);
    // On the run's thread:
    void run(ShopKeeper::Cluster cluster, app::DrillOrder order, std::stop_token stop);

    const engine::Paths m_paths;
    const engine::Clock &m_clock;
    RunList m_runs;
    ShopKeeper m_keeper;
    QObject m_guiContext; ///< replies stop with it

    mutable std::mutex m_mutex;
    engine::RunProgress m_progress; ///< under m_mutex
    app::RunOn m_run;               ///< under m_mutex, so that it does not go away while it is used
    std::stop_source m_order;       ///< under m_mutex: of the newest long command
    bool m_closing = false;         ///< under m_mutex

    std::jthread m_runThread; ///< the worker starts and joins it
    TrainingDesk m_desk;      ///< ends its trainings before the keeper goes
    Worker m_halter;          ///< the emergency stop waits behind nothing else
    Worker m_worker;          ///< last: stops before what it uses
};

} // namespace console
