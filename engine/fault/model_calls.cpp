// model.slow and model.error: the calls of a model server are held, or end with a gRPC status,
// before the model's code sees them. Its health still says that all is well: a grey failure.
// Undone by telling the server; it also ends by itself at the fault's deadline, and with its
// process.

#include "engine/fault/fault.h"

#include "engine/drill/fault_settings.h"

#include <algorithm>

namespace engine {
namespace {

constexpr Micros kLook{900'000}; ///< a look may take up to a second
constexpr int kAsks = 16;

class ModelCalls final : public Fault
{
public:
    ModelCalls(FaultWorld &world, FaultRequest request, CallSettings settings)
        : m_world(world), m_request(std::move(request)), m_settings(settings)
    {
    }

    Result<> prepare() override
    {
        const auto process = m_world.process(m_request.target);
        if (!process)
            return fail(ErrorCode::NotFound,
                        m_request.target + " is not a running process of this shop");
        m_process = process->id;
        m_tell = m_world.callFaults(m_request.target);
        if (!m_tell)
            return fail(ErrorCode::InvalidInput, m_request.target + " serves no model");
        const auto before = m_world.ask(m_request.target, kLook);
        if (!before || before->status != 0)
            return fail(ErrorCode::Unavailable, m_request.target
                                                    + " does not answer before the fault, so its "
                                                      "effect could not be confirmed");
        if (m_settings.delay.count() != 0 && before->took >= atLeast())
            return fail(ErrorCode::Unavailable, m_request.target
                                                    + " is as slow as that already, so the effect "
                                                      "could not be confirmed");
        return {};
    }

    LedgerIntent intent() const override
    {
        LedgerIntent intent;
        intent.process = m_process;
        intent.undo = {{"calls", m_request.target}};
        return intent;
    }

    Result<> apply() override
    {
        CallFault fault{m_request.id,      m_settings.delay,
                        m_settings.status, m_settings.share,
                        m_request.seed,    m_world.clock().now() + m_request.lasts};
        if (!m_tell(fault))
            return fail(ErrorCode::Unavailable, m_request.target + " ended before the fault");
        return {};
    }

    bool isConfirmed() override
    {
        for (int i = 0; i < kAsks; ++i) {
            const auto answer = m_world.ask(m_request.target, kLook);
            if (!answer)
                return false;
            if (m_settings.delay.count() != 0)
                return answer->took >= atLeast();
            if (answer->status == m_settings.status)
                return true;
        }
        return false;
    }

    void undo() override
    {
        CallFault fault;
        fault.id = m_request.id;
        m_tell(fault);
    }

    bool isCleared() override
    {
        const auto process = m_world.process(m_request.target);
        if (!process || process->id != m_process)
            return true; // it ended with the process it was on
        for (int i = 0; i < kAsks; ++i) {
            const auto answer = m_world.ask(m_request.target, kLook);
            if (!answer || !answer->correct)
                return false;
            if (m_settings.delay.count() != 0)
                return answer->took < atLeast();
        }
        return true;
    }

    std::string byHand() const override { return "drillctl halt"; }

private:
    /// A delay longer than a look is seen as no answer within it.
    [[nodiscard]] Micros atLeast() const { return std::min(m_settings.delay, kLook); }

    FaultWorld &m_world;
    FaultRequest m_request;
    CallSettings m_settings;
    ProcessId m_process;
    CallTeller m_tell;
};

FaultKind kindOf(const std::string &name, const std::string &summary,
                 std::map<std::string, std::string> settings)
{
    FaultKind kind;
    kind.name = name;
    kind.summary = summary;
    kind.settings = std::move(settings);
    kind.make = [name](FaultWorld &world, FaultRequest request) -> Result<std::unique_ptr<Fault>> {
        const auto read = readCallSettings(name, request.settings);
        if (!read)
            return tl::unexpected(read.error());
        return std::make_unique<ModelCalls>(world, std::move(request), *read);
    };
    kind.repair = [](const LedgerIntent &, const Clock &) {
        return std::string("gone: the process ended with its agent");
    };
    return kind;
}

} // namespace

FaultKind modelSlow()
{
    return kindOf("model.slow", "Holds every call of a model server for a time",
                  {{"delay", "how long each call is held, 1ms to 60s"}});
}

FaultKind modelError()
{
    return kindOf(
        "model.error", "Ends a share of a model server's calls with a gRPC status",
        {{"code", "the status by its gRPC name; UNAVAILABLE unless given"},
         {"share", "of the calls, decided per request from the seed; 100 % unless given"}});
}

} // namespace engine
