#pragma once
// What every gRPC server of the shop's data plane has in common.

#include "engine/base/clock.h"
#include "engine/base/error.h"
#include "engine/serving/connection_gate.h"

#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <memory>
#include <optional>

namespace engine {

/// A loopback port the system chooses, the standard health service and reflection, and clients
/// that may ping each second without being sent away (the default refuses below 5 minutes).
class NodeServer
{
public:
    /// Serves until destroyed; `service` must outlive it. Health says SERVING at once: start it
    /// when the node is ready.
    /// `interceptor` (may be null) sees every call before the service does.
    [[nodiscard]] static Result<std::unique_ptr<NodeServer>>
    start(grpc::Service &service,
          std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> interceptor = {});
    ~NodeServer();

    [[nodiscard]] int port() const { return m_gate->port(); }
    [[nodiscard]] std::string address() const;
    /// "" = the process, else a service or model by name.
    void setServing(const std::string &name, bool serving);
    /// NOT_SERVING first, so that clients turn away; calls still succeed for `notice`; then no new
    /// ones, and those under way get up to `finish`.
    void drain(const Clock &clock, Micros notice, Micros finish);

private:
    NodeServer() = default;
    std::unique_ptr<grpc::Server> m_server;
    std::unique_ptr<ConnectionGate> m_gate; ///< ends first
};

[[nodiscard]] grpc::Status statusOf(const Error &error);

/// A caller's own words come back in an error, and nobody reads a megabyte of them: 400 bytes, cut
/// at a character.
[[nodiscard]] std::string briefly(std::string words);

/// The deadline of a call on our clock's axis; nothing when it has none.
[[nodiscard]] std::optional<MonoTime> deadlineOf(gpr_timespec deadline);

} // namespace engine
