#include "app/console/shop_keeper.h"

#include "app/composition/shops.h"
#include "engine/base/files.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace console {

namespace {

constexpr double kIdleRate = 100; ///< requests per second while nothing is drilled
constexpr engine::Micros kIdleLength{std::chrono::hours(24)};
constexpr engine::Micros kLoadLead{1'000'000};

/// What stands, said as if it had just changed: an agent tells changes only.
engine::ProcessChanged asChange(const engine::ProcessStatus &process, engine::MonoTime now)
{
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
    change.at = now.count();
    return change;
}

} // namespace

ShopKeeper::ShopKeeper(engine::Paths paths, std::string shop, const engine::Clock &clock, Say say)
    : m_paths(std::move(paths)), m_shop(std::move(shop)), m_clock(clock), m_say(std::move(say))
{
}

ShopKeeper::~ShopKeeper()
{
    listen(nullptr);
    const std::lock_guard lock(m_mutex);
    m_idle.reset();
    m_cluster.reset();
}

ShopKeeper::Cluster ShopKeeper::current() const
{
    const std::lock_guard lock(m_mutex);
    return m_cluster;
}

std::string ShopKeeper::problem() const
{
    const std::lock_guard lock(m_mutex);
    return m_problem;
}

engine::Result<engine::ShopStatus> ShopKeeper::status() const
{
    if (const auto ours = current())
        return ours->shopStatus();
    engine::ShopStatus down;
    down.name = m_shop;
    down.state = "down";
    return down;
}

std::string ShopKeeper::idleFile() const
{
    const std::lock_guard lock(m_mutex);
    return m_idle ? m_idle->path().string() : std::string();
}

engine::RecorderStatus ShopKeeper::idleStatus() const
{
    const std::lock_guard lock(m_mutex);
    return m_idle ? m_idle->status() : engine::RecorderStatus{};
}

bool ShopKeeper::tell(engine::Payload payload)
{
    const std::lock_guard lock(m_mutex); // enqueues only
    if (m_idle)
        m_idle->append(std::move(payload));
    return m_idle != nullptr;
}

engine::Result<ShopKeeper::Cluster> ShopKeeper::cluster()
{
    // An agent that is gone took its shop along; the next one repairs from the ledger first.
    if (const auto ours = current()) {
        if (const auto agent = ours->agent();
            agent || agent.error().code != engine::ErrorCode::Unavailable)
            return ours;
        listen(nullptr);
        const std::lock_guard lock(m_mutex);
        m_cluster.reset();
    }
    m_say("starting the agent");
    engine::LocalClusterOptions options;
    options.name = "drillroom console";
    auto opened = engine::LocalCluster::open(m_paths, m_clock, options);
    const std::lock_guard lock(m_mutex);
    if (!opened) {
        m_problem = opened.error().text();
        return tl::unexpected(opened.error());
    }
    m_problem.clear();
    m_cluster = std::move(*opened);
    return m_cluster;
}

engine::Result<void> ShopKeeper::ensureFolder(std::stop_token stop)
{
    if (app::shopFolder(m_paths, m_shop))
        return {};
    m_say(fmt::format("making the shop {} from the synthetic data", m_shop));
    app::ShopOrder order;
    order.name = m_shop;
    order.from = "synthetic:demo";
    const auto progress = [this](const std::string &what, double part) {
        m_say(part > 0 ? fmt::format("{}: {:.0f} %", what, 100 * part) : what);
    };
    auto made = app::createShop(m_paths, order, progress, stop);
    if (!made)
        return tl::unexpected(made.error());
    return {};
}

engine::Result<void> ShopKeeper::bringUp(const engine::ShopNeed &need, std::stop_token stop)
{
    DR_RETURN_IF_ERROR(ensureFolder(stop));
    auto ours = cluster();
    if (!ours)
        return tl::unexpected(ours.error());
    if (stop.stop_requested())
        return engine::fail(engine::ErrorCode::Halted, "Stopped before the shop was started");
    const auto status = (*ours)->shopStatus();
    if (status && status->state == "up") {
        if (status->replicas == need.replicas && status->standby == need.standby
            && status->name == m_shop)
            return {};
        m_say("stopping the shop that runs with other replicas");
        DR_RETURN_IF_ERROR((*ours)->shopDown());
    }
    m_say(fmt::format("starting the shop {}", m_shop));
    engine::ShopSpec spec;
    spec.name = m_shop;
    spec.replicas = need.replicas;
    spec.standby = need.standby;
    auto up = (*ours)->shopUp(spec);
    if (!up)
        return tl::unexpected(up.error());
    return {};
}

engine::Result<void> ShopKeeper::serve()
{
    recordIdle();
    return loadIdle();
}

void ShopKeeper::yield()
{
    if (const auto ours = current()) {
        if (auto stopped = ours->stopLoad(); !stopped)
            spdlog::info("console: no load to stop: {}", stopped.error().text());
    }
    listen(nullptr);
    std::shared_ptr<engine::IdleRecorder> idle;
    {
        const std::lock_guard lock(m_mutex);
        idle.swap(m_idle);
    }
    idle.reset(); // closes its file, on the worker and outside the lock
}

engine::Result<void> ShopKeeper::loadIdle()
{
    auto ours = cluster();
    if (!ours)
        return tl::unexpected(ours.error());
    engine::LoadSpec spec;
    spec.load.rate = kIdleRate;
    spec.load.warmUp = engine::Micros{0};
    spec.load.length = kIdleLength;
    (void)(*ours)->stopLoad(); // of a run that has just ended; none is no matter
    spec.start = engine::alignUp(m_clock.now() + kLoadLead);
    return (*ours)->startLoad(spec);
}

void ShopKeeper::listen(const std::shared_ptr<engine::IdleRecorder> &idle)
{
    const auto ours = current();
    if (!ours)
        return;
    engine::ClusterListener listener;
    if (idle) {
        listener.event = [idle](engine::Payload payload) { idle->append(std::move(payload)); };
        listener.window = [idle](engine::Window window) { idle->append(std::move(window)); };
        listener.link = [idle](bool up, std::string why) {
            idle->append(engine::Payload{engine::LinkChanged{"agent", std::move(why), up, 0, 0}});
        };
    }
    ours->listen(std::move(listener));
}

void ShopKeeper::recordIdle()
{
    const auto folder = m_paths.home / "idle";
    auto made = engine::makePrivateFolder(folder);
    auto started = made ? engine::IdleRecorder::start({.folder = folder}, m_clock)
                        : tl::unexpected(made.error());
    if (!started) {
        spdlog::warn("console: nothing is recorded between runs: {}", started.error().text());
        return;
    }
    std::shared_ptr<engine::IdleRecorder> idle = std::move(*started);
    {
        const std::lock_guard lock(m_mutex);
        m_idle = idle;
    }
    listen(idle);
    if (const auto standing = status())
        for (const auto &process : standing->processes)
            idle->append(engine::Payload{asChange(process, m_clock.now())});
}

} // namespace console
