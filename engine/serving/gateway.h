#pragma once
// The door of the shop: takes requests of every application and answers each in time, from a
// replica, the standby or what it knows itself.

#include "engine/serving/gateway_core.h"

#include <memory>

namespace engine {

/// Serves KServe v2 (model "recommend" and those of `plain`), grpc.health.v1 and reflection from
/// start to destruction. Thread-safe. `news` may be called from any thread and must not block.
class Gateway
{
public:
    /// Unavailable when the address cannot be listened on.
    [[nodiscard]] static Result<std::unique_ptr<Gateway>>
    start(const GatewayOptions &options, PopularityList popularity, const Clock &clock,
          GatewayCore::News news, PlainDesk plain = {});
    ~Gateway();
    Gateway(const Gateway &) = delete;
    Gateway &operator=(const Gateway &) = delete;

    [[nodiscard]] int port() const;
    /// Why the settings' file as it is now was not taken; empty: it was, or there is none.
    [[nodiscard]] std::string problem() const;
    void setSwitches(const Switches &switches);
    [[nodiscard]] Switches switches() const;
    /// What was counted since the last call.
    [[nodiscard]] Window collect(MonoTime end);

private:
    class Running;
    explicit Gateway(std::unique_ptr<Running> running);
    std::unique_ptr<Running> m_running;
};

} // namespace engine
