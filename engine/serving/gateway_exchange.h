#pragma once
// One request on its way: history from the store, a replica, perhaps another, the standby, the
// popularity list.

#include "engine/serving/gateway_core.h"

#include <grpcpp/alarm.h>
#include <grpcpp/support/server_callback.h>

namespace engine {

/// Lives from its start to its answer, kept alive by the calls it waits for. One call at a time, so
/// its steps never overlap; each runs on a thread of gRPC and none blocks.
class Exchange : public std::enable_shared_from_this<Exchange>
{
public:
    /// Starts; the answer goes through the returned reactor. `request` and `reply` are gRPC's and
    /// live until then.
    [[nodiscard]] static grpc::ServerUnaryReactor *
    start(GatewayCore &core, grpc::CallbackServerContext *context,
          const inference::ModelInferRequest *request, inference::ModelInferResponse *reply);

    Exchange(GatewayCore &core, grpc::CallbackServerContext *context,
             inference::ModelInferResponse *reply);

private:
    struct Try
    {
        grpc::ClientContext context;
        inference::ModelInferResponse reply;
        std::optional<Rotation::Ticket> ticket; ///< none: the standby
        std::string target;
        MonoTime due{0};
    };

    void begin(const inference::ModelInferRequest &request);
    void readHistory();
    void askPrimary();
    void askStandby();
    void ask(inference::GRPCInferenceService::Stub &stub, std::shared_ptr<Try> attempt);
    void answered(const std::shared_ptr<Try> &attempt, const grpc::Status &status);
    void tryAgain(const grpc::Status &why);
    void fallBack(const grpc::Status &why);
    void reply(const std::shared_ptr<Try> &attempt, std::string_view path);
    void finish(const grpc::Status &status);
    /// When a try that starts now has to be over; none when it could not finish.
    [[nodiscard]] std::optional<MonoTime> dueOfTry() const;

    GatewayCore &m_core;
    const std::shared_ptr<void> m_hold;
    grpc::CallbackServerContext *m_context;
    grpc::ServerUnaryReactor *m_reactor;
    inference::ModelInferResponse *m_reply;
    const MonoTime m_arrived;
    MonoTime m_latest{0}; ///< nothing is started that ends after this
    GatewayRequest m_request;
    inference::ModelInferRequest m_upstream;
    std::string m_id;
    std::uint64_t m_tried = 0;
    int m_tries = 0;
    grpc::Status m_why{grpc::StatusCode::UNAVAILABLE, "No replica is in rotation"};
    grpc::Alarm m_pause;
};

} // namespace engine
