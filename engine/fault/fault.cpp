#include "engine/fault/fault.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace engine {

const std::vector<FaultKind> &faultKinds()
{
    static const std::vector<FaultKind> kinds{dataLose(),      modelBadDeploy(), modelCorrupt(),
                                              modelError(),    modelSlow(),      networkCut(),
                                              processFreeze(), processKill()};
    return kinds;
}

const FaultKind *findFault(const std::string &name)
{
    for (const auto &kind : faultKinds())
        if (kind.name == name)
            return &kind;
    return nullptr;
}

Result<std::unique_ptr<Fault>> makeFault(FaultWorld &world, const std::string &name,
                                         FaultRequest request)
{
    const auto *kind = findFault(name);
    if (!kind) {
        std::vector<std::string> names;
        for (const auto &known : faultKinds())
            names.push_back(known.name);
        return fail(ErrorCode::NotFound, fmt::format("There is no fault {}; this agent knows {}",
                                                     name, fmt::join(names, ", ")));
    }
    for (const auto &[setting, value] : request.settings)
        if (!kind->settings.contains(setting))
            return fail(ErrorCode::InvalidInput,
                        fmt::format("The fault {} has no setting {}", name, setting));
    return kind->make(world, std::move(request));
}

std::string repairFault(const LedgerIntent &intent, const Clock &clock)
{
    const auto *kind = findFault(intent.fault);
    return kind ? kind->repair(intent, clock)
                : "This version does not know the fault; look at the target by hand";
}

} // namespace engine
