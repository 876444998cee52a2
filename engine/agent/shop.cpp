#include "engine/agent/shop.h"

#include "engine/agent/asking.h"

#include <algorithm>
#include <csignal>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace engine {
namespace {

constexpr Micros kUpLimit{50'000'000}, kDownLimit{5'000'000}, kAsk{500'000}, kConfigure{20'000'000};

SetCanary canarySetter(const Paths &paths)
{
    return [paths](const auto &targets, double share) { return setCanary(paths, targets, share); };
}

} // namespace

std::string processOf(const std::string &target)
{
    const auto arrow = target.find("->");
    return arrow == std::string::npos ? target : target.substr(arrow + 2);
}

Shop::Shop(const Paths &paths, const Clock &clock, Launcher &launcher, Proxy &proxy, NewsHub &hub)
    : m_paths(paths), m_clock(clock), m_launcher(launcher), m_proxy(proxy), m_hub(hub),
      m_loads(clock, hub,
              [this](const std::string &target) {
                  const auto to = process(target);
                  return to ? to->port : std::uint16_t{0};
              }),
      m_golden(clock, hub, [this] { return goldenReplicas(); }), m_trainer(paths, clock, launcher),
      m_retraining(*this, m_trainer, hub, canarySetter(paths)),
      m_canary(*this, hub, canarySetter(paths))
{
    m_supervisor = std::jthread([this](const std::stop_token &stop) { supervise(stop); });
    m_monitor = std::jthread([this](const std::stop_token &stop) { monitor(stop); });
}

Shop::~Shop()
{
    abandon();
}

Result<ShopStatus> Shop::up(const ShopSpec &spec, const std::function<bool()> &isAsked)
{
    const std::lock_guard one(m_upMutex);
    std::unique_lock lock(m_mutex);
    if (m_state == State::Up && m_wanted) {
        const auto differs = [](const char *what, const auto &is, const auto &wanted) {
            return fail(ErrorCode::InvalidInput,
                        fmt::format("The running shop differs: {} is {}, asked for is {}; end it "
                                    "with: drillctl shop down",
                                    what, is, wanted));
        };
        if (m_spec.name != spec.name)
            return differs("its name", m_spec.name, spec.name);
        if (m_spec.replicas != spec.replicas)
            return differs("the number of replicas", m_spec.replicas, spec.replicas);
        if (m_spec.standby != spec.standby)
            return differs("standby", m_spec.standby, spec.standby);
        m_stays = m_stays || spec.stays;
        return statusLocked();
    }
    m_changed.wait_for(lock, std::chrono::microseconds(kDownLimit.count()),
                       [this] { return m_state == State::Down; });
    if (m_state != State::Down)
        return fail(ErrorCode::Busy, "The previous shop is still ending; try again");
    auto plan = planShop(m_paths, spec, m_proxy);
    if (!plan) {
        m_proxy.clear();
        return tl::unexpected(plan.error());
    }
    m_spec = spec;
    m_plan = std::move(*plan);
    m_stays = spec.stays;
    m_switches = {};
    m_safeguards = {};
    m_failure.clear();
    m_processes.clear();
    m_state = State::Starting;
    m_wanted = true;
    for (const auto &planned : m_plan.processes)
        m_processes.emplace_back().plan = planned;
    for (auto &process : m_processes)
        start(process);
    if (!m_wanted) // abandoned in between: what was started after the kill must go too
        m_launcher.killAll();
    const auto up = waitUntilServing(lock, m_clock.now() + kUpLimit, isAsked);
    if (!up) {
        m_state = State::Ending;
        abandon();
        finishIfEnded();
        m_changed.wait_for(lock, std::chrono::microseconds(kDownLimit.count()),
                           [this] { return m_state == State::Down; });
        return tl::unexpected(up.error());
    }
    m_state = State::Up;
    m_golden.begin(m_plan.folder, m_plan.reference);
    return statusLocked();
}

Result<> Shop::waitUntilServing(std::unique_lock<std::mutex> &lock, MonoTime limit,
                                const std::function<bool()> &isAsked)
{
    const auto waiting = [this] {
        std::string names;
        for (const auto &process : m_processes)
            if (process.state != ProcessState::Serving)
                names += (names.empty() ? "" : ", ") + process.plan.target;
        return names;
    };
    std::string lastAnswer = "none";
    while (m_clock.now() < limit) {
        if (!m_wanted || !isAsked())
            return fail(ErrorCode::Unavailable, "The shop was ended while it started");
        if (!m_failure.empty())
            return fail(ErrorCode::Unavailable, m_failure);
        if (!waiting().empty()) {
            m_changed.wait_for(lock, std::chrono::milliseconds(50));
            continue;
        }
        const auto port = m_plan.door->port();
        const auto items = m_plan.items;
        lock.unlock();
        const auto answer = askModel(port, items, kAsk);
        if (!answer.correct || answer.path != "primary")
            m_clock.waitUntil(m_clock.now() + Micros{20'000}, {});
        lock.lock();
        if (answer.correct && answer.path == "primary")
            return {};
        lastAnswer = answer.error.empty() ? "path " + answer.path : answer.error;
    }
    if (const auto names = waiting(); !names.empty())
        return fail(ErrorCode::Timeout,
                    fmt::format("{} did not come up within {} s; see {}", names,
                                kUpLimit.count() / 1'000'000, m_paths.logs().string()));
    return fail(
        ErrorCode::Timeout,
        fmt::format("No correct reply came through the gateway within {} s (last: {}); see {}",
                    kUpLimit.count() / 1'000'000, lastAnswer, m_paths.logs().string()));
}

Result<> Shop::down()
{
    m_canary.end(false);
    abandon(); // ends a bring-up that is under way
    const std::lock_guard one(m_upMutex);
    abandon();
    std::unique_lock lock(m_mutex);
    if (m_state != State::Down)
        m_state = State::Ending;
    finishIfEnded();
    m_changed.wait_for(lock, std::chrono::microseconds(kDownLimit.count()),
                       [this] { return m_state == State::Down; });
    m_stays = false;
    if (m_state != State::Down)
        return fail(ErrorCode::Timeout, "Some processes of the shop did not end within 5 s");
    return {};
}

void Shop::abandon()
{
    m_wanted = false;
    m_launcher.killAll();
}

ShopStatus Shop::status() const
{
    const std::lock_guard lock(m_mutex);
    return statusLocked();
}

ShopStatus Shop::statusLocked() const
{
    ShopStatus status;
    status.state = m_state == State::Down       ? "down"
                   : m_state == State::Starting ? "starting"
                   : m_state == State::Ending   ? "ending"
                                                : "up";
    if (m_state == State::Down)
        return status;
    status.name = m_spec.name;
    status.application = m_plan.application;
    status.applications = m_plan.applications;
    status.replicas = m_spec.replicas;
    status.standby = m_spec.standby;
    status.stays = m_stays;
    status.synthetic = m_plan.synthetic;
    status.reference = m_plan.reference;
    for (const auto &process : m_processes) {
        ProcessStatus one;
        one.name = process.plan.target;
        one.role = process.plan.role;
        one.address = process.port ? fmt::format("127.0.0.1:{}", process.port) : "";
        if (process.plan.attachedAt)
            one.address = process.plan.attachedAddress;
        one.attached = process.plan.attachedAt.has_value();
        one.state = name(process.state);
        one.model = process.model;
        one.version = process.version;
        one.digest = process.digest;
        one.log = process.plan.log;
        one.pid = process.id.pid;
        one.restarts = process.restarts;
        status.processes.push_back(std::move(one));
    }
    return status;
}

std::shared_ptr<NodeLine> Shop::lineOf(const std::string &target) const
{
    const std::lock_guard lock(m_mutex);
    const auto *process = find(target);
    return process ? process->line : nullptr;
}

Result<> Shop::startLoad(const LoadSpec &spec)
{
    const auto line = lineOf("traffic");
    if (!line)
        return fail(ErrorCode::Unavailable, "The shop's traffic is not running; start the shop");
    m_loaded = true; // before: it takes a moment until everything measures
    auto started = line->startLoad(spec);
    if (!started && started.error().code != ErrorCode::Busy) // Busy: another load runs
        m_loaded = false;
    return started;
}

Result<> Shop::stopLoad()
{
    const auto line = lineOf("traffic");
    auto stopped = line ? line->stopLoad() : Result<>{};
    m_loaded = false;
    return stopped;
}

Result<> Shop::setRate(double rate)
{
    const auto line = lineOf("traffic");
    if (!line)
        return fail(ErrorCode::Unavailable, "The shop's traffic is not running; start the shop");
    return line->setRate(rate);
}

Result<> Shop::setSwitches(const Switches &switches)
{
    std::shared_ptr<NodeLine> gateway;
    {
        const std::lock_guard lock(m_mutex);
        m_switches = switches;
        if (const auto *process = find("gateway"))
            gateway = process->line;
        for (auto &process : m_processes)
            if (switches.restart && process.state == ProcessState::Down && !process.startAt
                && !process.plan.attachedAt)
                process.startAt = m_clock.now();
    }
    return gateway ? gateway->setSwitches(switches) : Result<>{};
}

Result<std::vector<std::string>> Shop::configure(const Safeguards &safeguards)
{
    std::vector<std::string> changed;
    for (auto &process : m_processes) {
        if (process.plan.role == "store" && m_safeguards.backup != safeguards.backup)
            DR_RETURN_IF_ERROR(setNodeOption(process.plan, "backup", safeguards.backup));
        else if (!process.plan.package.empty()
                 && m_safeguards.verification != safeguards.verification)
            DR_RETURN_IF_ERROR(setNodeOption(process.plan, "unsafe", !safeguards.verification));
        else
            continue;
        changed.push_back(process.plan.target);
        process.restartedBy = "settings";
        process.startAt = m_clock.now();
        if (process.id.pid != 0)
            signalGroup(process.id, SIGKILL);
    }
    m_safeguards = safeguards;
    return changed;
}

Result<> Shop::setSafeguards(const Safeguards &safeguards)
{
    std::vector<std::string> changed;
    {
        const std::lock_guard lock(m_mutex);
        if (!safeguards.verification && !m_plan.synthetic)
            return fail(ErrorCode::InvalidInput,
                        "Verification is switched off on synthetic shops only; this one has real "
                        "data");
        if (!safeguards.verification && m_plan.dialect)
            return fail(ErrorCode::InvalidInput,
                        "The replicas of this shop are attached; whether they verify their models "
                        "is not ours to say");
        auto configured = configure(safeguards);
        DR_RETURN_IF_ERROR(configured);
        changed = std::move(*configured);
    }
    const auto limit = m_clock.now() + kConfigure;
    for (const auto &target : changed) {
        bool serves = false;
        while (!serves && m_clock.now() < limit) {
            m_clock.waitUntil(m_clock.now() + Micros{20'000}, {});
            const std::lock_guard lock(m_mutex);
            const auto *process = find(target);
            serves = process && !process->startAt && process->state == ProcessState::Serving;
        }
        if (!serves)
            return fail(ErrorCode::Timeout, target
                                                + " did not serve again with its new settings; "
                                                  "see its log");
    }
    return {};
}

Result<> Shop::restore(const std::string &target, const std::string &by)
{
    {
        const std::lock_guard lock(m_mutex);
        auto *process = find(target);
        if (!process || process->plan.role != "store")
            return fail(ErrorCode::InvalidInput, target + " cannot be restored; the store can");
        process->once = {"--restore", "newest"};
        ResponseChanged event{"restore", target,
                              by,        "from the newest backup and the log",
                              true,      m_clock.now().count()};
        m_hub.publish(Payload{std::move(event)});
    }
    return restart(target, by);
}

Result<> Shop::restart(const std::string &target, const std::string &by)
{
    const std::lock_guard lock(m_mutex);
    auto *process = find(target);
    if (!process || m_state != State::Up)
        return fail(ErrorCode::NotFound, target + " is not a process of the running shop");
    if (process->plan.attachedAt)
        return fail(ErrorCode::InvalidInput,
                    target + " is attached; restart it where it was started");
    process->restartedBy = by;
    process->startAt = m_clock.now();
    if (process->id.pid != 0)
        signalGroup(process->id, SIGKILL);
    return {};
}

Result<> Shop::connected(const NodeFacts &facts, std::shared_ptr<NodeLine> line)
{
    std::shared_ptr<NodeLine> gateway;
    Switches switches;
    {
        std::unique_lock lock(m_mutex);
        // The launcher's report of the start may still be on its way.
        m_changed.wait_for(lock, std::chrono::seconds(2), [&] {
            const auto *process = find(facts.target);
            return process && process->id.pid == facts.pid;
        });
        auto *process = find(facts.target);
        if (!process || process->id.pid != facts.pid)
            return fail(ErrorCode::InvalidInput,
                        fmt::format("Process {} was not started as {} by this agent", facts.pid,
                                    facts.target));
        process->port = facts.port;
        process->line = std::move(line);
        process->window = kWindow;
        process->model = facts.model;
        process->version = facts.version;
        process->digest = facts.digest;
        process->servingSince = m_clock.now();
        process->missedProbes = 0;
        for (const auto &edge : process->plan.edges)
            edge->setUpstream(facts.port);
        change(*process, ProcessState::Serving, "");
        if (!process->restartedBy.empty())
            respond(*process, std::exchange(process->restartedBy, {}), false);
        if (facts.target == "gateway")
            gateway = process->line;
        switches = m_switches;
    }
    if (gateway)
        gateway->tellSwitches(switches);
    return {};
}

void Shop::reported(const NodeFacts &facts, bool serving, const std::string &detail)
{
    const std::lock_guard lock(m_mutex);
    auto *process = find(facts.target);
    if (!process || !process->line)
        return;
    const auto state = serving ? ProcessState::Serving : ProcessState::Degraded;
    if (process->state == state && process->digest == facts.digest && process->detail == detail)
        return;
    process->model = facts.model;
    process->version = facts.version;
    process->digest = facts.digest;
    change(*process, state, detail);
}

void Shop::disconnected(const std::string &target, const std::shared_ptr<NodeLine> &line)
{
    const std::lock_guard lock(m_mutex);
    if (auto *process = find(target); process && process->line == line)
        process->line = nullptr;
}

Shop::Process *Shop::find(const std::string &target)
{
    return const_cast<Process *>(std::as_const(*this).find(target));
}

const Shop::Process *Shop::find(const std::string &target) const
{
    const auto found =
        std::find_if(m_processes.begin(), m_processes.end(),
                     [&](const auto &process) { return process.plan.target == target; });
    return found == m_processes.end() ? nullptr : &*found;
}

} // namespace engine
