#pragma once
// A node's line to the agent: says hello, sends windows, events and states, and hands the agent's
// commands to the node.

#include "engine/base/clock.h"
#include "engine/cluster/cluster.h"
#include "engine/event/event.h"
#include "engine/fault/call_fault.h"
#include "engine/metrics/window.h"
#include "engine/serving/node_config.h"

#include <functional>
#include <memory>

namespace engine {

/// What a node tells about itself once it serves.
struct NodeIdentity
{
    int port = 0; ///< loopback port it serves on; 0 = none
    std::string model, version, digest;
};

/// Commands of the agent, called one after the other on the link's thread; what they return is the
/// answer. A missing callback answers with an error that names the role.
struct NodeCommands
{
    std::function<Result<>(const LoadSpec &)> startLoad = nullptr;
    std::function<Result<>()> stopLoad = nullptr;
    std::function<Result<>(double)> setRate = nullptr; ///< requests per second, of the running load
    std::function<Result<>(const Switches &)> setSwitches = nullptr;
    std::function<Result<>()> drain =
        nullptr; ///< finish and exit; must only start that, not wait for it
    std::function<Result<>(const CallFault &)> callFault = nullptr;
    /// The agent is gone or refused us; called at most once, nothing comes after it. The node
    /// exits.
    std::function<void(std::string why)> onGone = nullptr;
};

/// Thread-safe. Sending never blocks: while the agent does not read, the oldest windows are dropped
/// (a minute is kept), events and states are not. Without an agent socket every send is a no-op.
/// The destructor gives what is queued half a second, then leaves.
class NodeLink
{
public:
    /// Connects and says hello (so: call it when the node serves). Unavailable when the socket does
    /// not answer within 5 s.
    [[nodiscard]] static Result<std::unique_ptr<NodeLink>>
    open(const NodeConfig &config, const NodeIdentity &identity, NodeCommands commands);
    ~NodeLink();
    NodeLink(const NodeLink &) = delete;
    NodeLink &operator=(const NodeLink &) = delete;

    /// A window that ends here is to be taken and sent: every 100 ms while somebody watches, else
    /// as rarely as the agent said, and then it holds all that was counted since.
    [[nodiscard]] bool isDue(MonoTime end) const;
    void sendWindow(const Window &window);
    void sendEvent(const Payload &payload);
    void sendState(bool serving, const std::string &detail, const NodeIdentity &identity);
    [[nodiscard]] std::uint64_t windowsDropped() const;

private:
    class Stream;
    explicit NodeLink(std::unique_ptr<Stream> stream);
    std::unique_ptr<Stream> m_stream; ///< null: stand-alone
};

} // namespace engine
