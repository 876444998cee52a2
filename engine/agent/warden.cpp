#include "engine/agent/warden.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <poll.h>
#include <pthread.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>

namespace engine {
namespace {

constexpr auto kAnswerLimit = std::chrono::seconds(10);

} // namespace

Warden::Warden(const Paths &paths, const Clock &clock, Ledger ledger, Fd listener, Shop &shop,
               NewsHub &hub, WardenOptions options)
    : m_paths(paths), m_clock(clock), m_ledger(std::move(ledger)), m_listener(std::move(listener)),
      m_wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), m_shop(shop), m_hub(hub),
      m_options(std::move(options)), m_controller(m_options.controllerFd)
{
    m_thread = std::jthread([this](const std::stop_token &stop) { run(stop); });
}

Warden::~Warden()
{
    m_thread.request_stop();
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto n = ::write(m_wake.get(), &one, sizeof one);
}

template <class T>
T Warden::ask(std::function<T()> task)
{
    auto packaged = std::make_shared<std::packaged_task<T()>>(std::move(task));
    auto result = packaged->get_future();
    {
        const std::lock_guard lock(m_mutex);
        m_tasks.push_back([packaged] { (*packaged)(); });
    }
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto n = ::write(m_wake.get(), &one, sizeof one);
    if (result.wait_for(kAnswerLimit) != std::future_status::ready)
        return fail(ErrorCode::Timeout, "The agent's undo thread does not answer");
    return result.get();
}

Result<> Warden::applyFault(const FaultSpec &spec)
{
    const auto refused = [&](const Error &error) {
        refuse(spec, error);
        return tl::unexpected(error);
    };
    if (m_halted)
        return refused({ErrorCode::Halted, "Everything is halted; release it first", ""});
    if (const auto ours = m_shop.mayTouch(spec.target); !ours)
        return refused(ours.error());
    if (!spec.overrideLastHealthy)
        if (const auto allowed = m_shop.mayBreak(spec.target, brokenProcesses()); !allowed)
            return refused(allowed.error());
    const auto *kind = findFault(spec.fault);
    FaultRequest request{spec.target, spec.settings, spec.id, spec.seed, {}};
    if (kind)
        request.lasts = std::min(spec.duration.value_or(kind->cap), kind->cap);
    auto fault = makeFault(m_shop, spec.fault, std::move(request));
    if (!fault)
        return refused(fault.error());
    if (const auto prepared = (*fault)->prepare(); !prepared)
        return refused(prepared.error());
    LedgerIntent intent = (*fault)->intent();
    auto run = std::make_shared<FaultRun>(spec, std::move(*fault), kind->lasts, m_hub, m_clock);
    const auto applied = ask<Result<>>([this, run, intent, kind]() mutable -> Result<> {
        return applyNow(run, std::move(intent), *kind);
    });
    if (!applied && !run->isOver())
        return refused(applied.error());
    return applied;
}

Result<> Warden::applyNow(const std::shared_ptr<FaultRun> &run, LedgerIntent intent,
                          const FaultKind &kind)
{
    forgetFinished();
    const auto &spec = run->spec();
    if (m_halted)
        return fail(ErrorCode::Halted, "Everything is halted; release it first");
    for (const auto &other : m_runs)
        if (other->spec().id == spec.id && other->isActive())
            return fail(ErrorCode::InvalidInput,
                        fmt::format("Fault {} is active already", spec.id));
    if (kind.lasts)
        run->deadline = m_clock.now() + std::min(spec.duration.value_or(kind.cap), kind.cap);
    intent.fault = spec.fault;
    intent.target = spec.target;
    intent.deadline = run->deadline;
    intent.wall = m_clock.wallMicros();
    for (const auto &peer : m_peers) {
        if (!peer.holdsLease)
            continue;
        intent.holder = peer.name;
        if (!peer.recording.empty())
            intent.undo["recording"] = peer.recording;
    }
    const auto serial = m_ledger.intend(std::move(intent));
    DR_RETURN_IF_ERROR(serial);
    run->serial = *serial;
    run->tellIntended();
    auto applied = run->apply();
    if (!applied || !kind.lasts) {
        const auto noted = m_ledger.done(*serial, applied ? "gone" : "not applied");
        if (!noted)
            spdlog::error("ledger serial={} error=\"{}\"", *serial, noted.error().text());
    }
    if (applied)
        m_runs.push_back(run);
    forgetFinished();
    return applied;
}

Result<> Warden::undoFault(std::uint32_t id)
{
    return ask<Result<>>([this, id]() -> Result<> {
        if (id == 0) {
            undoAllNow("asked");
            return {};
        }
        std::vector<std::shared_ptr<FaultRun>> runs;
        bool known = false;
        for (const auto &run : m_runs) {
            known = known || run->spec().id == id;
            if (run->spec().id == id && run->isActive())
                runs.push_back(run);
        }
        if (!known)
            return fail(ErrorCode::NotFound, fmt::format("There is no fault {}", id));
        undoNow(runs, "asked");
        return {};
    });
}

void Warden::halt(bool on, const std::string &who)
{
    [[maybe_unused]] const auto done = ask<Result<>>([this, on, who]() -> Result<> {
        haltNow(on, who);
        return {};
    });
}

void Warden::end()
{
    [[maybe_unused]] const auto done = ask<Result<>>([this]() -> Result<> {
        endNow();
        return {};
    });
}

std::string Warden::holder() const
{
    const std::lock_guard lock(m_mutex);
    return m_holder;
}

Result<> Warden::checkLease(const std::string &token) const
{
    const std::lock_guard lock(m_mutex);
    if (!m_token.empty() && token == m_token)
        return {};
    if (m_holder.empty())
        return fail(ErrorCode::Busy, "This needs the agent's lease, which nobody holds now");
    return fail(ErrorCode::Busy, "The shop is held by " + m_holder + "; end that one first");
}

void Warden::ownShop(bool stays)
{
    m_ownsShop = !stays;
}

void Warden::run(const std::stop_token &stop)
{
    ::pthread_setname_np(::pthread_self(), "warden"); // for who looks at a hanging agent
    while (!stop.stop_requested()) {
        std::vector<pollfd> waits{{m_wake.get(), POLLIN, 0}, {m_listener.get(), POLLIN, 0}};
        if (m_controller.isOpen() && !m_controllerGone)
            waits.push_back({m_controller.get(), POLLIN, 0});
        const auto firstPeer = waits.size();
        for (const auto &peer : m_peers)
            waits.push_back({peer.socket.get(), POLLIN, 0});
        int limit = -1;
        if (const auto next = nextDeadline(); next.count() != 0)
            limit = static_cast<int>(
                std::clamp<std::int64_t>((next - m_clock.now()).count() / 1000 + 1, 0, 60'000));
        if (::poll(waits.data(), waits.size(), limit) < 0)
            continue;
        undoDue();
        auto peer = m_peers.begin();
        for (std::size_t i = firstPeer; i < waits.size(); ++i) {
            auto &current = *peer++;
            if (waits[i].revents)
                readPeer(current);
        }
        m_peers.remove_if([](const Peer &gone) { return !gone.socket.isOpen(); });
        if (firstPeer == 3 && waits[2].revents) {
            std::array<char, 64> ignored{};
            m_controllerGone = ::read(m_controller.get(), ignored.data(), ignored.size()) <= 0;
        }
        if (waits[1].revents)
            acceptPeers();
        if (waits[0].revents) {
            std::uint64_t count = 0;
            [[maybe_unused]] const auto n = ::read(m_wake.get(), &count, sizeof count);
            std::deque<std::function<void()>> tasks;
            {
                const std::lock_guard lock(m_mutex);
                tasks.swap(m_tasks);
            }
            for (const auto &task : tasks)
                task();
        }
        forgetFinished();
        const bool held = std::any_of(m_peers.begin(), m_peers.end(),
                                      [](const Peer &one) { return one.holdsLease; });
        if (m_controllerGone && !held && !(m_shop.isWanted() && m_shop.stays()))
            endNow();
    }
}

void Warden::undoNow(const std::vector<std::shared_ptr<FaultRun>> &runs, const std::string &why)
{
    // Effects first: a slow disk must not keep the second fault waiting for the first one's record.
    for (const auto &run : runs)
        run->undo(why);
    for (const auto &run : runs)
        if (const auto noted = m_ledger.done(run->serial, why); !noted)
            spdlog::error("ledger serial={} error=\"{}\"", run->serial, noted.error().text());
}

void Warden::undoAllNow(const std::string &why)
{
    std::vector<std::shared_ptr<FaultRun>> active;
    for (const auto &run : m_runs)
        if (run->isActive())
            active.push_back(run);
    undoNow(active, why);
}

void Warden::undoDue()
{
    std::vector<std::shared_ptr<FaultRun>> due;
    for (const auto &run : m_runs)
        if (run->isActive() && run->deadline <= m_clock.now())
            due.push_back(run);
    if (!due.empty())
        undoNow(due, "deadline");
}

MonoTime Warden::nextDeadline() const
{
    MonoTime next{0};
    for (const auto &run : m_runs)
        if (run->isActive() && (next.count() == 0 || run->deadline < next))
            next = run->deadline;
    return next;
}

void Warden::haltNow(bool on, const std::string &who)
{
    m_halted = on;
    if (on)
        undoAllNow("halt");
    OperatorActed event;
    event.act = on ? Act::Halt : Act::HaltReleased;
    event.who = who;
    event.at = m_clock.now().count();
    m_hub.publish(Payload{std::move(event)});
}

void Warden::endNow()
{
    for (const auto &run : m_runs)
        if (run->isActive())
            run->undo("agent ends");
    m_shop.abandon();
    undoAllNow("agent ends");
    m_options.onEnd();
}

void Warden::refuse(const FaultSpec &spec, const Error &error)
{
    FaultChanged event;
    event.id = spec.id;
    event.step = spec.step;
    event.fault = spec.fault;
    event.target = spec.target;
    event.detail = error.text();
    event.state = FaultState::Refused;
    event.at = m_clock.now().count();
    m_hub.publish(Payload{std::move(event)});
}

std::set<std::string> Warden::brokenProcesses() const
{
    const std::lock_guard lock(m_mutex);
    return m_broken;
}

void Warden::forgetFinished()
{
    std::set<std::string> broken;
    std::vector<std::shared_ptr<FaultRun>> kept;
    for (auto &run : m_runs) {
        if (run->isActive())
            broken.insert(processOf(run->spec().target));
        if (!run->isOver())
            kept.push_back(std::move(run));
    }
    m_runs = std::move(kept);
    const std::lock_guard lock(m_mutex);
    m_broken = std::move(broken);
}

} // namespace engine
