#include "app/console/console_operations.h"

#include "app/composition/checks.h"
#include "app/composition/shops.h"
#include "engine/base/files.h"
#include "engine/drill/drill_file.h"
#include "engine/recording/open.h"
#include "engine/recording/recorder.h"
#include "engine/report/report_html.h"

#include <QCoreApplication>
#include <QMetaObject>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace console {

namespace {

constexpr double kIdleRate = 100; ///< requests per second while nothing is drilled
constexpr engine::Micros kIdleLength{std::chrono::hours(24)};
constexpr engine::Micros kLoadLead{1'000'000};
constexpr engine::Micros kLoadRetry{300'000};
constexpr int kLoadTries = 10;
constexpr int kReportBins = 1200;

engine::Result<void> writeReport(const std::string &recording, const std::string &htmlPath,
                                 const engine::Clock &clock)
{
    auto run = engine::foldFile(recording, clock);
    if (!run)
        return tl::unexpected(run.error());
    engine::ReportInput input;
    input.state = std::move(run->state);
    input.events = std::move(run->events);
    input.closed = run->closed;
    input.file = std::filesystem::path(recording).filename().string();
    auto drawn =
        engine::readSeries(recording, clock, 0, input.state.t, kReportBins, engine::reportSeries());
    if (!drawn)
        return tl::unexpected(drawn.error());
    input.from = drawn->from;
    input.binWidth = drawn->binWidth;
    input.series = std::move(drawn->series);
    return engine::writeTextAtomically(htmlPath, engine::reportHtml(input));
}

} // namespace

ConsoleOperations::ConsoleOperations(engine::Paths paths, std::string shop,
                                     const engine::Clock &clock)
    : m_paths(std::move(paths)), m_shop(std::move(shop)), m_clock(clock), m_runs(m_paths, clock)
{
}

ConsoleOperations::~ConsoleOperations()
{
    // Tasks already under way end first; then nobody else touches the runner.
    m_haltThread = {};
    std::mutex done;
    std::condition_variable_any wake;
    bool idle = false;
    m_worker.post([&] {
        if (m_runner)
            m_runner->abort("the console was closed");
        m_waiter = {};
        m_runner.reset();
        stopIdle();
        const std::lock_guard lock(done);
        idle = true;
        wake.notify_one();
    });
    std::unique_lock lock(done);
    wake.wait(lock, [&] { return idle; });
    const std::lock_guard state(m_mutex);
    m_cluster.reset();
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
    const std::lock_guard lock(m_mutex);
    if (!m_clusterProblem.empty())
        checks.insert(checks.begin(), {"The agent is not ours", m_clusterProblem,
                                       "Close the other controller, then start again", false});
    return checks;
}

engine::Result<engine::ShopStatus> ConsoleOperations::shop()
{
    Cluster cluster;
    {
        const std::lock_guard lock(m_mutex);
        cluster = m_cluster;
    }
    if (cluster)
        return cluster->shopStatus();
    engine::ShopStatus down;
    down.name = m_shop;
    down.state = "down";
    return down;
}

engine::RunProgress ConsoleOperations::progress() const
{
    const std::lock_guard lock(m_mutex);
    auto progress = m_progress;
    if (m_idle)
        progress.recording = m_idle->path().string(); // it rolls
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

engine::Result<ConsoleOperations::Cluster> ConsoleOperations::cluster()
{
    {
        const std::lock_guard lock(m_mutex);
        if (m_cluster)
            return m_cluster;
    }
    say("starting the agent");
    engine::LocalClusterOptions options;
    options.name = "drillroom console";
    auto opened = engine::LocalCluster::open(m_paths, m_clock, options);
    const std::lock_guard lock(m_mutex);
    if (!opened) {
        m_clusterProblem = opened.error().text();
        return tl::unexpected(opened.error());
    }
    m_clusterProblem.clear();
    m_cluster = std::move(*opened);
    return m_cluster;
}

engine::Result<void> ConsoleOperations::ensureShopFolder()
{
    if (app::shopFolder(m_paths, m_shop))
        return {};
    say(fmt::format("making the shop {} from the synthetic data", m_shop));
    app::ShopOrder order;
    order.name = m_shop;
    order.from = "synthetic:demo";
    auto made =
        app::createShop(m_paths, order, [this](const std::string &what, double) { say(what); });
    if (!made)
        return tl::unexpected(made.error());
    return {};
}

engine::Result<void> ConsoleOperations::bringUp(const engine::ShopNeed &need)
{
    DR_RETURN_IF_ERROR(ensureShopFolder());
    auto ours = cluster();
    if (!ours)
        return tl::unexpected(ours.error());
    auto status = (*ours)->shopStatus();
    if (status && status->state == "up") {
        if (status->replicas == need.replicas && status->standby == need.standby
            && status->name == m_shop)
            return {};
        say("stopping the shop that runs with other replicas");
        DR_RETURN_IF_ERROR((*ours)->shopDown());
    }
    say(fmt::format("starting the shop {}", m_shop));
    engine::ShopSpec spec;
    spec.name = m_shop;
    spec.replicas = need.replicas;
    spec.standby = need.standby;
    auto up = (*ours)->shopUp(spec);
    if (!up)
        return tl::unexpected(up.error());
    return {};
}

engine::Result<void> ConsoleOperations::idleLoad()
{
    auto ours = cluster();
    if (!ours)
        return tl::unexpected(ours.error());
    engine::LoadSpec spec;
    spec.load.rate = kIdleRate;
    spec.load.warmUp = engine::Micros{0};
    spec.load.length = kIdleLength;
    (void)(*ours)->stopLoad(); // of a run that has just ended; none is no matter
    // Traffic takes a moment to end; until then the agent refuses another load.
    for (int attempt = 0;; ++attempt) {
        spec.start = engine::alignUp(m_clock.now() + kLoadLead);
        auto started = (*ours)->startLoad(spec);
        if (started || attempt == kLoadTries)
            return started;
        m_clock.waitUntil(m_clock.now() + kLoadRetry, {});
    }
}

void ConsoleOperations::listenWith(const std::shared_ptr<engine::RunSink> &sink)
{
    Cluster ours;
    {
        const std::lock_guard lock(m_mutex);
        ours = m_cluster;
        m_sink = sink;
    }
    if (!ours)
        return;
    engine::ClusterListener listener;
    if (sink) {
        listener.event = [sink](engine::Payload payload) { sink->append(std::move(payload)); };
        listener.window = [sink](engine::Window window) { sink->append(std::move(window)); };
        listener.link = [sink](bool up, std::string why) {
            sink->append(engine::Payload{engine::LinkChanged{"agent", std::move(why), up, 0, 0}});
        };
    }
    ours->listen(std::move(listener));
}

void ConsoleOperations::recordIdle()
{
    const auto folder = m_paths.home / "idle";
    auto made = engine::makePrivateFolder(folder);
    auto idle = made ? engine::IdleRecorder::start({.folder = folder}, m_clock)
                     : tl::unexpected(made.error());
    if (!idle) {
        spdlog::warn("console: nothing is recorded between runs: {}", idle.error().text());
        return;
    }
    std::shared_ptr<engine::IdleRecorder> sink = std::move(*idle);
    {
        const std::lock_guard lock(m_mutex);
        m_idle = sink;
    }
    listenWith(sink);
    // The agent tells changes only; what stands is said once for each new recording.
    auto ours = cluster();
    const auto status = ours ? (*ours)->shopStatus() : tl::unexpected(ours.error());
    if (!status)
        return;
    for (const auto &process : status->processes) {
        engine::ProcessChanged change;
        change.target = process.name;
        change.role = process.role;
        change.address = process.address;
        change.model = process.model;
        change.version = process.version;
        change.digest = process.digest;
        change.pid = process.pid;
        change.restarts = process.restarts;
        change.state =
            process.state == "serving" ? engine::ProcessState::Serving : engine::ProcessState::Down;
        change.at = m_clock.now().count();
        sink->append(engine::Payload{std::move(change)});
    }
}

void ConsoleOperations::stopIdle()
{
    listenWith(nullptr);
    std::shared_ptr<engine::IdleRecorder> idle;
    const std::lock_guard lock(m_mutex);
    idle.swap(m_idle);
}

void ConsoleOperations::startShop(Reply<void> done)
{
    m_worker.post([this, done = std::move(done)] {
        auto result = bringUp({});
        if (result) {
            recordIdle();
            result = idleLoad();
        }
        say({});
        answer(done, std::move(result));
    });
}

engine::Result<void> ConsoleOperations::beginRun(const std::string &path)
{
    auto drill = engine::readDrill(path);
    if (!drill)
        return tl::unexpected(drill.error());
    {
        const std::lock_guard lock(m_mutex);
        if (m_progress.running)
            return engine::fail(engine::ErrorCode::Busy,
                                "A drill is running; wait for its end or abort it");
        m_progress.running = true;
        m_progress.drill = drill->title;
        m_progress.error.clear();
    }
    DR_RETURN_IF_ERROR(bringUp(drill->shop));
    auto ours = cluster();
    if (!ours)
        return tl::unexpected(ours.error());
    if (auto stopped = (*ours)->stopLoad(); !stopped)
        spdlog::info("console: no load to stop: {}", stopped.error().text());
    stopIdle();
    DR_RETURN_IF_ERROR(engine::makePrivateFolder(m_paths.recordings()));
    if (!m_key) {
        auto key = engine::SigningKey::loadOrCreate(m_paths.signingKey());
        if (key)
            m_key = *key;
        else
            spdlog::warn("console: recording unsealed: {}", key.error().text());
    }
    const auto id = std::filesystem::path(path).stem().string();
    engine::RecorderOptions options;
    options.path = engine::newRecordingPath(m_paths.recordings(), id, m_clock.wallMicros());
    options.key = m_key ? &*m_key : nullptr;
    options.meta = {{"title", drill->title}};
    auto recorder = engine::Recorder::start(options, m_clock);
    if (!recorder)
        return tl::unexpected(recorder.error());
    std::shared_ptr<engine::Recorder> sink = std::move(*recorder);
    sink->attach("drill.yaml", engine::Bytes(drill->sourceText.begin(), drill->sourceText.end()));
    if (auto told = (*ours)->setRecording(options.path); !told)
        spdlog::warn("console: the agent does not know the recording: {}", told.error().text());
    {
        const std::lock_guard lock(m_mutex);
        m_sink = sink;
        m_progress.recording = options.path.string();
    }
    engine::RunSettings settings;
    settings.runId = options.path.stem().string();
    settings.shop = m_shop;
    settings.build = DRILLROOM_VERSION;
    m_runner = std::make_unique<engine::DrillRunner>(
        **ours, *sink, m_clock, std::move(*drill), settings,
        [this](const engine::RunNews &news) { say(news.message); });
    m_runner->start();
    m_waiter = std::jthread([this, sink] { waitForRun(sink); });
    return {};
}

void ConsoleOperations::waitForRun(const std::shared_ptr<engine::Recorder> &recorder)
{
    const auto ran = m_runner->wait();
    const auto closed = recorder->close();
    std::string error;
    if (!closed)
        error = closed.error().text();
    if (!ran) {
        // The run never began: what was written of it says nothing to anybody.
        error = ran.error().text();
        std::error_code ignored;
        for (const char *tail : {"", "-wal", "-shm"})
            std::filesystem::remove(recorder->path().string() + tail, ignored);
    }
    {
        const std::lock_guard lock(m_mutex);
        m_progress.error = error;
    }
    m_worker.post([this] { finishRun(); });
}

void ConsoleOperations::finishRun()
{
    m_waiter = {};
    m_runner.reset();
    recordIdle();
    {
        const std::lock_guard lock(m_mutex);
        m_progress.running = false;
        m_progress.message.clear();
        m_progress.recording.clear();
    }
    if (auto load = idleLoad(); !load)
        spdlog::info("console: no load between runs: {}", load.error().text());
}

void ConsoleOperations::startDrill(const std::string &path, Reply<void> done)
{
    m_worker.post([this, path, done = std::move(done)] {
        auto result = beginRun(path);
        const bool busy = !result && result.error().code == engine::ErrorCode::Busy && m_runner;
        if (!result && !busy) {
            const std::lock_guard lock(m_mutex);
            m_progress.running = false;
            m_progress.error = result.error().text();
            m_progress.message.clear();
        }
        answer(done, std::move(result));
    });
}

void ConsoleOperations::abortDrill(Reply<void> done)
{
    act({engine::Act::Undo, "operator", "abort", "", m_clock.now().count()});
    m_worker.post([this, done = std::move(done)] {
        if (m_runner)
            m_runner->abort("the operator ended it");
        answer(done, {});
    });
}

void ConsoleOperations::halt(bool release)
{
    // Its own thread: neither the worker's queue nor the GUI stands before an emergency stop.
    m_haltThread = std::jthread([this, release] {
        const auto result = engine::haltOverSocket(m_paths, release);
        if (!result && result.error().code != engine::ErrorCode::NotFound)
            spdlog::error("console: halt failed: {}", result.error().text());
    });
    act({release ? engine::Act::HaltReleased : engine::Act::Halt, "operator", "", "",
         m_clock.now().count()});
}

void ConsoleOperations::act(engine::OperatorActed acted)
{
    std::shared_ptr<engine::RunSink> sink;
    {
        const std::lock_guard lock(m_mutex);
        sink = m_sink;
    }
    if (sink)
        sink->append(engine::Payload{std::move(acted)});
}

void ConsoleOperations::undoNow(std::uint32_t faultId, Reply<void> done)
{
    act({engine::Act::Undo, "operator", "", "", m_clock.now().count()});
    m_worker.post([this, faultId, done = std::move(done)] {
        auto ours = cluster();
        if (!ours)
            return answer(done, tl::unexpected(ours.error()));
        answer(done, faultId ? (*ours)->undoFault(faultId) : (*ours)->undoAll());
    });
}

void ConsoleOperations::acknowledge(const std::string &who)
{
    act({engine::Act::Acknowledge, who, "", "", m_clock.now().count()});
}

void ConsoleOperations::note(const std::string &who, const std::string &text)
{
    act({engine::Act::Note, who, text, "", m_clock.now().count()});
}

void ConsoleOperations::restart(const std::string &target, Reply<void> done)
{
    act({engine::Act::Restart, "operator", "", target, m_clock.now().count()});
    m_worker.post([this, target, done = std::move(done)] {
        auto ours = cluster();
        if (!ours)
            return answer(done, tl::unexpected(ours.error()));
        answer(done, (*ours)->restartBy(target, "operator"));
    });
}

void ConsoleOperations::exportReport(const std::string &recording, const std::string &htmlPath,
                                     Reply<void> done)
{
    m_worker.post([this, recording, htmlPath, done = std::move(done)] {
        answer(done, writeReport(recording, htmlPath, m_clock));
    });
}

} // namespace console
