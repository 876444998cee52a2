#include "app/console/console_operations.h"

#include "app/composition/checks.h"
#include "app/composition/report.h"
#include "engine/base/files.h"
#include "engine/drill/drill_file.h"
#include "engine/recording/open.h"

#include <QMetaObject>

#include <future>
#include <spdlog/spdlog.h>

namespace console {

namespace {

const char *kOperator = "operator";

} // namespace

ConsoleOperations::ConsoleOperations(engine::Paths paths, std::string shop,
                                     const engine::Clock &clock)
    : m_paths(paths), m_clock(clock), m_runs(paths, clock),
      m_keeper(paths, std::move(shop), clock, [this](const std::string &what) { say(what); }),
      m_desk(paths, clock, m_keeper, [this](std::function<void()> task) {
          QMetaObject::invokeMethod(&m_guiContext, std::move(task), Qt::QueuedConnection);
      })
{
}

ConsoleOperations::~ConsoleOperations()
{
    {
        const std::lock_guard lock(m_mutex);
        m_closing = true;
    }
    endOrder("the console was closed");
    // What is under way on the worker ends first; then nobody else touches the run's thread.
    std::promise<void> idle;
    m_worker.post([&] {
        m_runThread = {};
        idle.set_value();
    });
    idle.get_future().wait();
}

void ConsoleOperations::answer(Reply<void> done, engine::Result<void> result)
{
    QMetaObject::invokeMethod(
        &m_guiContext,
        [done = std::move(done), result = std::move(result)] {
            if (done)
                done(result);
        },
        Qt::QueuedConnection);
}

void ConsoleOperations::say(const std::string &message)
{
    const std::lock_guard lock(m_mutex);
    m_progress.message = message;
}

std::stop_token ConsoleOperations::newOrder()
{
    const std::lock_guard lock(m_mutex);
    m_order = std::stop_source();
    if (m_closing)
        m_order.request_stop();
    return m_order.get_token();
}

void ConsoleOperations::endOrder(const std::string &why)
{
    std::stop_source order;
    {
        const std::lock_guard lock(m_mutex);
        if (m_run.abort)
            m_run.abort(why);
        order = m_order;
    }
    order.request_stop(); // outside the lock: callbacks of the stop run here
}

std::vector<engine::DrillSummary> ConsoleOperations::drills()
{
    return listDrillSummaries(m_paths);
}

std::vector<engine::RecordingSummary> ConsoleOperations::recordings()
{
    return m_runs.read();
}

std::vector<engine::Check> ConsoleOperations::checks()
{
    auto checks = app::workstationChecks(m_paths);
    if (const auto problem = m_keeper.problem(); !problem.empty())
        checks.insert(checks.begin(), {"The agent is not ours", problem,
                                       "Close the other controller, then start again", false});
    return checks;
}

engine::Result<engine::ShopStatus> ConsoleOperations::shop()
{
    return m_keeper.status();
}

engine::RunProgress ConsoleOperations::progress() const
{
    engine::RunProgress progress;
    engine::RecorderStatus status;
    {
        const std::lock_guard lock(m_mutex);
        progress = m_progress;
        if (m_run.recorder)
            status = m_run.recorder->status();
    }
    if (auto idle = m_keeper.idleFile(); !idle.empty()) { // it rolls
        progress.recording = std::move(idle);
        status = m_keeper.idleStatus();
    }
    auto &health = progress.recorder;
    health.problem = status.problem;
    if (status.since > 0)
        health.since = m_clock.wallMicros() - (m_clock.now().count() - status.since);
    health.heldBytes = status.heldBytes;
    health.lost = status.lost;
    health.thinned = status.thinned;
    return progress;
}

std::unique_ptr<engine::Timeline> ConsoleOperations::openLive()
{
    const auto path = progress().recording;
    return path.empty() ? nullptr : engine::openTimeline(path, true, m_clock);
}

engine::Result<std::unique_ptr<engine::Timeline>>
ConsoleOperations::openRecording(const std::string &path)
{
    std::error_code error;
    if (!std::filesystem::is_regular_file(path, error))
        return engine::fail(engine::ErrorCode::NotFound,
                            "There is no recording at " + path + "; pick another file");
    return engine::openTimeline(path, false, m_clock);
}

void ConsoleOperations::startShop(Reply<void> done)
{
    m_worker.post([this, stop = newOrder(), done = std::move(done)] {
        auto result = m_keeper.bringUp({}, stop);
        if (result)
            result = m_keeper.serve();
        say({});
        answer(done, std::move(result));
    });
}

void ConsoleOperations::startDrill(const std::string &path, Reply<void> done)
{
    {
        const std::lock_guard lock(m_mutex);
        if (m_progress.running) {
            answer(std::move(done),
                   engine::fail(engine::ErrorCode::Busy,
                                "A drill is running; wait for its end or abort it"));
            return;
        }
        m_progress.running = true;
        m_progress.drill = std::filesystem::path(path).stem().string();
        m_progress.error.clear();
    }
    m_worker.post([this, path, stop = newOrder(), done = std::move(done)] {
        auto result = beginRun(path, stop);
        if (!result)
            endRun(result.error().text());
        answer(done, std::move(result));
    });
}

engine::Result<void> ConsoleOperations::beginRun(const std::string &path, std::stop_token stop)
{
    const auto drill = engine::readDrill(path);
    if (!drill)
        return tl::unexpected(drill.error());
    {
        const std::lock_guard lock(m_mutex);
        m_progress.drill = drill->title;
    }
    DR_RETURN_IF_ERROR(m_keeper.bringUp(drill->shop, stop));
    auto cluster = m_keeper.cluster();
    if (!cluster)
        return tl::unexpected(cluster.error());
    m_keeper.yield();
    app::DrillOrder order;
    order.drill = path;
    order.shop = m_keeper.shop();
    m_runThread =
        std::jthread([this, cluster = *cluster, order, stop] { run(cluster, order, stop); });
    return {};
}

void ConsoleOperations::run(ShopKeeper::Cluster cluster, app::DrillOrder order,
                            std::stop_token stop)
{
    app::DrillHooks hooks;
    hooks.recording = [this](const std::filesystem::path &file) {
        const std::lock_guard lock(m_mutex);
        m_progress.recording = file.string();
    };
    hooks.news = [this](const engine::RunNews &news) { say(news.message); };
    hooks.on = [this](const app::RunOn &run) {
        const std::lock_guard lock(m_mutex);
        m_run = run;
    };
    const auto outcome = app::runDrill(*cluster, m_paths, m_clock, order, hooks, stop);
    const std::string error = outcome ? std::string() : outcome.error().text();
    m_worker.post([this, error] {
        m_runThread = {};
        endRun(error);
    });
}

void ConsoleOperations::endRun(const std::string &error)
{
    bool closing = false;
    {
        const std::lock_guard lock(m_mutex);
        closing = m_closing;
    }
    const auto shop = m_keeper.status();
    if (!closing && shop && shop->state == "up")
        if (auto served = m_keeper.serve(); !served)
            spdlog::info("console: no load between runs: {}", served.error().text());
    const std::lock_guard lock(m_mutex);
    m_progress.running = false;
    m_progress.message.clear();
    m_progress.recording.clear();
    m_progress.error = error;
}

void ConsoleOperations::abortDrill(Reply<void> done)
{
    // The recording's last event says it: the run ended, aborted, by whom.
    endOrder("the operator aborted it");
    answer(std::move(done), {});
}

void ConsoleOperations::halt(bool release)
{
    m_halter.post([this, release] {
        const auto result = engine::haltOverSocket(m_paths, release);
        if (!result && result.error().code != engine::ErrorCode::NotFound)
            spdlog::error("console: halt failed: {}", result.error().text());
    });
    act(release ? engine::Act::HaltReleased : engine::Act::Halt, kOperator);
}

void ConsoleOperations::act(engine::Act act, std::string who, std::string text, std::string target)
{
    engine::OperatorActed acted{act, std::move(who), std::move(text), std::move(target),
                                m_clock.now().count()};
    {
        const std::lock_guard lock(m_mutex); // enqueues only
        if (m_run.recorder) {
            m_run.recorder->append(engine::Payload{std::move(acted)});
            return;
        }
    }
    m_keeper.tell(engine::Payload{std::move(acted)});
}

void ConsoleOperations::onCluster(Reply<void> done,
                                  std::function<engine::Result<void>(engine::LocalCluster &)> what)
{
    m_worker.post([this, done = std::move(done), what = std::move(what)] {
        auto cluster = m_keeper.cluster();
        answer(done, cluster ? what(**cluster) : tl::unexpected(cluster.error()));
    });
}

void ConsoleOperations::undoNow(std::uint32_t faultId, Reply<void> done)
{
    act(engine::Act::Undo, kOperator);
    onCluster(std::move(done), [faultId](engine::LocalCluster &cluster) {
        return faultId ? cluster.undoFault(faultId) : cluster.undoAll();
    });
}

void ConsoleOperations::acknowledge(const std::string &who)
{
    act(engine::Act::Acknowledge, who);
}

void ConsoleOperations::note(const std::string &who, const std::string &text)
{
    act(engine::Act::Note, who, text);
}

void ConsoleOperations::restart(const std::string &target, Reply<void> done)
{
    act(engine::Act::Restart, kOperator, {}, target);
    onCluster(std::move(done), [target](engine::LocalCluster &cluster) {
        return cluster.restartBy(target, kOperator);
    });
}

void ConsoleOperations::exportReport(const std::string &recording, const std::string &htmlPath,
                                     Reply<void> done)
{
    m_worker.post([this, recording, htmlPath, done = std::move(done)] {
        const auto html = app::reportOf(recording);
        answer(done,
               html ? engine::writeTextAtomically(htmlPath, *html) : tl::unexpected(html.error()));
    });
}

} // namespace console
