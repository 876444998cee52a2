#pragma once
// Channels of the gateway and of traffic: found dead in seconds, tried again at once (P12).

#include <grpcpp/channel.h>
#include <memory>
#include <string>

namespace engine {

/// Keepalive 1 s/1 s, reconnect after 100 ms to 1 s, a connection of its own (not shared with other
/// channels to the same address).
[[nodiscard]] std::shared_ptr<grpc::Channel> resilientChannel(const std::string &address);

/// Must run before the first use of gRPC in the process: without it a lost connection is looked at
/// only every 5 s, and a recovery would show the client's delay and not the system's.
void setUpGrpcForDrills();

} // namespace engine
