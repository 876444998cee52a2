#pragma once
// The gateway's own health: "" is the process, which always has an answer; "recommend" serves while
// a replica does. Check and Watch of grpc.health.v1.

#include "engine/serving/gateway_core.h"

#include <set>

namespace engine {

/// update() is to be called often; watchers hear of a change then. Must outlive its server.
/// Thread-safe.
class GatewayHealth final : public grpc::health::v1::Health::CallbackService
{
public:
    explicit GatewayHealth(GatewayCore &core) : m_core(core) {}
    void update();
    /// Ends every Watch, so that the server can end.
    void end();

    grpc::ServerUnaryReactor *Check(grpc::CallbackServerContext *context,
                                    const grpc::health::v1::HealthCheckRequest *request,
                                    grpc::health::v1::HealthCheckResponse *reply) override;
    grpc::ServerWriteReactor<grpc::health::v1::HealthCheckResponse> *
    Watch(grpc::CallbackServerContext *context,
          const grpc::health::v1::HealthCheckRequest *request) override;

private:
    class Watcher;
    using Status = grpc::health::v1::HealthCheckResponse::ServingStatus;
    [[nodiscard]] Status statusOf(const std::string &service) const;

    GatewayCore &m_core;
    std::mutex m_mutex; ///< guards what follows; taken before a watcher's
    std::set<std::shared_ptr<Watcher>> m_watchers;
    bool m_isOver = false;
};

} // namespace engine
