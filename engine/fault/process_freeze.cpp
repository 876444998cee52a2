// process.freeze: SIGSTOP to a process of the shop and its group, a hang that still accepts
// connections. Undone by SIGCONT.

#include "engine/fault/fault.h"

#include "engine/fault/probe.h"

#include <csignal>
#include <fmt/format.h>

namespace engine {
namespace {

constexpr Micros kProbe{300'000};

class ProcessFreeze final : public Fault
{
public:
    ProcessFreeze(FaultWorld &world, FaultRequest request)
        : m_world(world), m_target(std::move(request.target))
    {
    }

    Result<> prepare() override
    {
        const auto process = m_world.process(m_target);
        if (!process)
            return fail(ErrorCode::NotFound, m_target + " is not a running process of this shop");
        if (isStopped(process->id))
            return fail(ErrorCode::InvalidInput, m_target + " is frozen already");
        m_process = *process;
        return {};
    }

    LedgerIntent intent() const override
    {
        LedgerIntent intent;
        intent.process = m_process.id;
        intent.undo = {{"signal", "CONT"}};
        return intent;
    }

    Result<> apply() override
    {
        if (!signalGroup(m_process.id, SIGSTOP))
            return fail(ErrorCode::Unavailable, m_target + " ended before it could be frozen");
        return {};
    }

    bool isConfirmed() override { return isStopped(m_process.id) && !answers(); }
    void undo() override { signalGroup(m_process.id, SIGCONT); }

    bool isCleared() override
    {
        if (!isAlive(m_process.id))
            return true; // the freeze ended with the process it was on
        return !isStopped(m_process.id) && (m_process.port == 0 || answers());
    }

    std::string byHand() const override
    {
        return fmt::format("kill -CONT -- -{}", m_process.id.pid);
    }

private:
    [[nodiscard]] bool answers() const
    {
        return answersHttp2(m_world.clock(), m_process.port, kProbe);
    }
    FaultWorld &m_world;
    std::string m_target;
    TargetProcess m_process;
};

std::string repair(const LedgerIntent &intent, const Clock &clock)
{
    if (!isAlive(intent.process))
        return "gone: the process ended with its agent";
    const auto limit = clock.now() + Micros{500'000};
    do {
        signalGroup(intent.process, SIGCONT);
        if (!isStopped(intent.process))
            return fmt::format("continued process {}", intent.process.pid);
    } while (clock.waitUntil(clock.now() + Micros{5'000}, {}) && clock.now() < limit);
    return fmt::format("failed: process {} is still stopped; run: kill -CONT -- -{}",
                       intent.process.pid, intent.process.pid);
}

} // namespace

FaultKind processFreeze()
{
    FaultKind kind;
    kind.name = "process.freeze";
    kind.summary = "Stops a process without ending it (SIGSTOP)";
    kind.make = [](FaultWorld &world, FaultRequest request) {
        return std::make_unique<ProcessFreeze>(world, std::move(request));
    };
    kind.repair = repair;
    return kind;
}

} // namespace engine
