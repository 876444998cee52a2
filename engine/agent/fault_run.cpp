#include "engine/agent/fault_run.h"

namespace engine {
namespace {

constexpr Micros kConfirmLimit{2'000'000}; // contracts 3.2
constexpr Micros kClearLimit{5'000'000};
constexpr Micros kLookEvery{10'000};

} // namespace

FaultRun::FaultRun(FaultSpec spec, std::unique_ptr<Fault> fault, bool lasts, NewsHub &hub,
                   const Clock &clock)
    : m_spec(std::move(spec)), m_fault(std::move(fault)), m_lasts(lasts), m_hub(hub), m_clock(clock)
{
}

void FaultRun::tell(FaultState state, MonoTime at, const std::string &detail)
{
    FaultChanged event;
    event.id = m_spec.id;
    event.step = m_spec.step;
    event.fault = m_spec.fault;
    event.target = m_spec.target;
    event.detail = detail;
    event.state = state;
    event.at = at.count();
    event.deadline = deadline.count();
    m_hub.publish(Payload{std::move(event)});
}

void FaultRun::tellIntended()
{
    tell(FaultState::Intended, m_clock.now(), "");
}

Result<> FaultRun::apply()
{
    m_appliedAt = m_clock.now();
    if (auto applied = m_fault->apply(); !applied) {
        tell(FaultState::Refused, m_appliedAt, applied.error().text());
        m_over = true;
        return applied;
    }
    m_applied = true;
    tell(FaultState::Applied, m_appliedAt, "");
    m_thread = std::jthread([this](const std::stop_token &stop) { watch(stop); });
    return {};
}

void FaultRun::undo(const std::string &why)
{
    if (!m_applied || m_undone)
        return;
    if (m_lasts)
        tell(FaultState::Undoing, m_clock.now(), why);
    m_fault->undo();
    const std::lock_guard lock(m_mutex);
    m_undone = true;
    m_wake.notify_all();
}

void FaultRun::watch(const std::stop_token &stop)
{
    watchApplied(stop);
    if (m_lasts) {
        std::unique_lock lock(m_mutex);
        m_wake.wait(lock, stop, [this] { return m_undone.load(); });
    }
    if (!stop.stop_requested())
        watchCleared(stop);
    m_over = true;
}

void FaultRun::watchApplied(const std::stop_token &stop)
{
    while (!stop.stop_requested()) {
        const bool confirmed = m_fault->isConfirmed();
        const auto now = m_clock.now();
        if (m_lasts && m_undone) {
            tell(FaultState::Unconfirmed, now, "undone before its effect was seen");
            return;
        }
        if (confirmed && now <= m_appliedAt + kConfirmLimit) {
            tell(FaultState::Confirmed, now, "");
            return;
        }
        if (now > m_appliedAt + kConfirmLimit) {
            tell(FaultState::Unconfirmed, now, "its effect was not seen within 2 s");
            return;
        }
        m_clock.waitUntil(now + kLookEvery, stop);
    }
}

void FaultRun::watchCleared(const std::stop_token &stop)
{
    const auto limit = m_clock.now() + kClearLimit;
    bool failed = false;
    while (!stop.stop_requested()) {
        if (m_fault->isCleared()) {
            tell(FaultState::Undone, m_clock.now(), m_lasts ? "" : "answers again");
            return;
        }
        // A kill is cleared by whoever restarts the target, however long that takes.
        if (m_lasts && !failed && m_clock.now() > limit) {
            failed = true;
            tell(FaultState::UndoFailed, m_clock.now(), m_fault->byHand());
        }
        m_clock.waitUntil(m_clock.now() + kLookEvery, stop);
    }
}

} // namespace engine
