#pragma once
// The agent's side of one node's stream: commands go out, answers come back.

#include "engine/cluster/cluster.h"
#include "engine/fault/call_fault.h"

namespace engine {

/// Thread-safe; the calls that return something wait for the node's answer, up to 5 s.
class NodeLine
{
public:
    virtual ~NodeLine() = default;
    [[nodiscard]] virtual Result<> startLoad(const LoadSpec &spec) = 0;
    [[nodiscard]] virtual Result<> stopLoad() = 0;
    [[nodiscard]] virtual Result<> setRate(double rate) = 0;
    [[nodiscard]] virtual Result<> setSwitches(const Switches &switches) = 0;
    virtual void tellSwitches(const Switches &switches) = 0;
    virtual void tellStopLoad() = 0;
    /// How long its windows are from now on.
    virtual void tellWindow(Micros length) = 0;
    virtual void tellCallFault(const CallFault &fault) = 0;
};

/// What a node says of itself.
struct NodeFacts
{
    std::string target;
    std::int32_t pid = 0;
    std::uint16_t port = 0;
    std::string model, version, digest;
};

} // namespace engine
