#include "engine/drill/attached_targets.h"

#include <fmt/format.h>

namespace engine {

std::vector<UnreachableStep> unreachableSteps(const Drill &drill,
                                              const std::set<std::string> &attached)
{
    std::vector<UnreachableStep> out;
    for (const auto &step : drill.method)
        if (attached.contains(step.target)) // an edge has another name than its ends
            out.push_back({&step, fmt::format("{} needs a process of ours, and {} is attached; "
                                              "only the wire to it can break, as in network.cut "
                                              "of gateway->{}",
                                              step.fault, step.target, step.target)});
    return out;
}

} // namespace engine
