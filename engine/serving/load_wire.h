#pragma once
// A load as a message of agent.proto, and back: from the controller to the agent, and from there to
// the traffic node.

#include "engine/cluster/cluster.h"
#include "engine/proto/agent.pb.h"

namespace engine::wire {

[[nodiscard]] drillroom::v1::StartLoadRequest toProto(const LoadSpec &spec);
[[nodiscard]] LoadSpec fromProto(const drillroom::v1::StartLoadRequest &request);

} // namespace engine::wire
