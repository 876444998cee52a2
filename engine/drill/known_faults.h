#pragma once
// The faults that a drill file may name, with what each may be aimed at. What a workstation can
// really apply is asked of the cluster when a run starts.

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace engine {

struct KnownFault
{
    std::string name;
    bool isOfEdge = false; ///< its target is an edge, "gateway->replica/2"
    bool lasts = true;     ///< false: over in an instant (a kill), so `duration` makes no sense
    std::vector<std::string> settings; ///< the keys it takes beside fault and target
};

[[nodiscard]] const std::vector<KnownFault> &knownFaults();
/// Null when there is none of that name.
[[nodiscard]] const KnownFault *knownFault(std::string_view name);

} // namespace engine
