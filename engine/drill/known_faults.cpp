#include "engine/drill/known_faults.h"

#include <algorithm>

namespace engine {

const std::vector<KnownFault> &knownFaults()
{
    static const std::vector<KnownFault> faults{
        {"process.kill", false, false, {}},
        {"process.freeze", false, true, {}},
        {"process.slow", false, true, {"speed"}},
        {"network.cut", true, true, {}},
        {"network.latency", true, true, {"delay", "jitter"}},
        {"network.bandwidth", true, true, {"rate"}},
        {"network.reset", true, true, {"share"}},
        {"limit.memory", false, true, {"size"}},
        {"limit.files", false, true, {"files"}},
        {"disk.full", false, true, {"size"}},
        {"model.corrupt", false, true, {"bytes", "rows"}},
        {"model.slow", false, true, {"delay"}},
        {"model.error", false, true, {"code", "share"}},
        {"model.bad-deploy", false, true, {"model"}},
        {"data.lose", false, true, {}},
        {"data.restore-old", false, false, {"age"}},
        {"clock.skew", false, true, {"offset"}},
        {"certificate.expire", false, true, {}},
    };
    return faults;
}

const KnownFault *knownFault(std::string_view name)
{
    const auto &faults = knownFaults();
    const auto it = std::find_if(faults.begin(), faults.end(),
                                 [name](const KnownFault &fault) { return fault.name == name; });
    return it == faults.end() ? nullptr : &*it;
}

} // namespace engine
