#pragma once
// Which steps of a drill cannot be done where some targets are servers that are not ours.

#include "engine/drill/drill.h"

#include <set>

namespace engine {

struct UnreachableStep
{
    const FaultStep *step = nullptr; ///< of the drill that was given
    std::string why;                 ///< and what can be done instead
};

/// `attached`: targets that the shop only has wires to; faults on the wires are possible.
[[nodiscard]] std::vector<UnreachableStep> unreachableSteps(const Drill &drill,
                                                            const std::set<std::string> &attached);

} // namespace engine
