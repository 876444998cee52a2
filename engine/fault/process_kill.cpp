// process.kill: SIGKILL to a process of the shop and its group. There is nothing to undo: it is
// clear when the same target answers correctly again, through whoever restarted it.

#include "engine/fault/fault.h"

#include <csignal>

namespace engine {
namespace {

class ProcessKill final : public Fault
{
public:
    ProcessKill(FaultWorld &world, FaultRequest request)
        : m_world(world), m_target(std::move(request.target))
    {
    }

    Result<> prepare() override
    {
        const auto process = m_world.process(m_target);
        if (!process)
            return fail(ErrorCode::NotFound, m_target + " is not a running process of this shop");
        m_id = process->id;
        return {};
    }

    LedgerIntent intent() const override
    {
        LedgerIntent intent;
        intent.process = m_id;
        return intent;
    }

    Result<> apply() override
    {
        if (!signalGroup(m_id, SIGKILL))
            return fail(ErrorCode::Unavailable, m_target + " ended before it could be killed");
        return {};
    }

    bool isConfirmed() override { return !isAlive(m_id); }
    void undo() override {}
    bool isCleared() override
    {
        const auto process = m_world.process(m_target);
        return process && process->id != m_id && m_world.answersCorrectly(m_target);
    }
    std::string byHand() const override { return "restart " + m_target; }

private:
    FaultWorld &m_world;
    std::string m_target;
    ProcessId m_id;
};

} // namespace

FaultKind processKill()
{
    FaultKind kind;
    kind.name = "process.kill";
    kind.summary = "Kills a process without warning (SIGKILL)";
    kind.lasts = false;
    kind.make = [](FaultWorld &world, FaultRequest request) {
        return std::make_unique<ProcessKill>(world, std::move(request));
    };
    kind.repair = [](const LedgerIntent &, const Clock &) {
        return std::string("nothing to undo: the shop starts its processes anew");
    };
    return kind;
}

} // namespace engine
