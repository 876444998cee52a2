#include "engine/serving/gateway.h"

#include "engine/proto/gateway.grpc.pb.h"
#include "engine/serving/connection_gate.h"
#include "engine/serving/gateway_exchange.h"
#include "engine/serving/gateway_health.h"
#include "engine/serving/health_prober.h"
#include "engine/serving/kserve_tensors.h"
#include "engine/serving/settings_keeper.h"

#include <fmt/format.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <nlohmann/json.hpp>

namespace engine {
namespace {

constexpr Micros kShutdownGrace{300'000};
/// A connection whose greeting does not come is closed after this.
constexpr int kHandshakeMillis = 20'000;

class Service final : public inference::GRPCInferenceService::CallbackService
{
public:
    explicit Service(GatewayCore &core) : m_core(core) {}

    grpc::ServerUnaryReactor *ModelInfer(grpc::CallbackServerContext *context,
                                         const inference::ModelInferRequest *request,
                                         inference::ModelInferResponse *reply) override
    {
        return Exchange::start(m_core, context, request, reply);
    }
    grpc::ServerUnaryReactor *ServerLive(grpc::CallbackServerContext *context,
                                         const inference::ServerLiveRequest *,
                                         inference::ServerLiveResponse *reply) override
    {
        reply->set_live(true);
        return done(context);
    }
    grpc::ServerUnaryReactor *ServerReady(grpc::CallbackServerContext *context,
                                          const inference::ServerReadyRequest *,
                                          inference::ServerReadyResponse *reply) override
    {
        reply->set_ready(m_core.anyReady());
        return done(context);
    }
    grpc::ServerUnaryReactor *ModelReady(grpc::CallbackServerContext *context,
                                         const inference::ModelReadyRequest *request,
                                         inference::ModelReadyResponse *reply) override
    {
        const auto status = named(request->name(), request->version());
        reply->set_ready(status.ok() && m_core.anyReady());
        return done(context, status);
    }
    grpc::ServerUnaryReactor *ServerMetadata(grpc::CallbackServerContext *context,
                                             const inference::ServerMetadataRequest *,
                                             inference::ServerMetadataResponse *reply) override
    {
        reply->set_name("drillroom-gateway");
        reply->set_version(DRILLROOM_VERSION);
        return done(context);
    }
    grpc::ServerUnaryReactor *ModelMetadata(grpc::CallbackServerContext *context,
                                            const inference::ModelMetadataRequest *request,
                                            inference::ModelMetadataResponse *reply) override
    {
        if (const auto status = named(request->name(), request->version()); !status.ok())
            return done(context, status);
        if (m_core.plain.serves(request->name()))
            return askReplica(context, *request, reply);
        reply->set_name(request->name());
        reply->set_platform("drillroom");
        describeTensor(*reply->add_inputs(), "history", "INT64", {-1, -1});
        describeTensor(*reply->add_inputs(), "k", "INT32", {1});
        describeTensor(*reply->add_outputs(), "items", "INT64", {-1, -1});
        describeTensor(*reply->add_outputs(), "scores", "FP32", {-1, -1});
        return done(context);
    }

private:
    [[nodiscard]] grpc::Status named(const std::string &model, const std::string &version) const
    {
        return checkName(model, version, model == kRecommend || m_core.plain.serves(model));
    }
    /// What an application takes is its model's to say.
    grpc::ServerUnaryReactor *askReplica(grpc::CallbackServerContext *context,
                                         const inference::ModelMetadataRequest &request,
                                         inference::ModelMetadataResponse *reply)
    {
        const auto upstream = m_core.anyReplica();
        if (!upstream)
            return done(context, {grpc::StatusCode::UNAVAILABLE, "No replica is in rotation"});
        struct Call
        {
            grpc::ClientContext context;
            inference::ModelMetadataRequest request;
        };
        auto call = std::make_shared<Call>();
        call->request = request;
        call->context.set_deadline(grpcTime(m_core.clock.now() + m_core.settings()->perTry));
        auto *reactor = context->DefaultReactor();
        upstream->infer->async()->ModelMetadata(
            &call->context, &call->request, reply,
            [reactor, call, upstream, hold = m_core.hold()](const grpc::Status &status) {
                reactor->Finish(status);
            });
        return reactor;
    }

    static grpc::ServerUnaryReactor *done(grpc::CallbackServerContext *context,
                                          const grpc::Status &status = grpc::Status::OK)
    {
        auto *reactor = context->DefaultReactor();
        reactor->Finish(status);
        return reactor;
    }
    GatewayCore &m_core;
};

/// What the operator asks for.
class ViewService final : public drillroom::v1::Gateway::CallbackService
{
public:
    ViewService(GatewayCore &core, const SettingsKeeper &keeper) : m_core(core), m_keeper(keeper) {}
    grpc::ServerUnaryReactor *View(grpc::CallbackServerContext *context,
                                   const drillroom::v1::GatewayViewRequest *,
                                   drillroom::v1::GatewayViewReply *reply) override
    {
        reply->set_json(m_core.view().dump());
        reply->set_file(m_core.options.settingsFile.string());
        reply->set_problem(m_keeper.problem());
        auto *reactor = context->DefaultReactor();
        reactor->Finish(grpc::Status::OK);
        return reactor;
    }

private:
    GatewayCore &m_core;
    const SettingsKeeper &m_keeper;
};

} // namespace

/// Members end in reverse order: the server first, then the probes, then what they stand on.
class Gateway::Running
{
public:
    Running(const GatewayOptions &options, PopularityList popularity, const Clock &clock,
            GatewayCore::News news, PlainDesk plain)
        : core(options, std::move(popularity), clock, std::move(news), std::move(plain)),
          m_service(core), m_health(core), m_keeper(core), m_view(core, m_keeper),
          m_prober(core, [this] {
              m_keeper.look();
              m_health.update();
          })
    {
    }
    ~Running()
    {
        m_health.end();
        m_gate.reset();
        if (m_server)
            m_server->Shutdown(grpcTime(core.clock.now() + kShutdownGrace));
    }
    Result<> listen()
    {
        grpc::reflection::InitProtoReflectionServerBuilderPlugin();
        auto gate = ConnectionGate::open(core.options.listen);
        if (!gate)
            return tl::unexpected(gate.error());
        m_gate = std::move(*gate);
        grpc::ServerBuilder builder;
        m_gate->serve(builder);
        builder.RegisterService(&m_service);
        builder.RegisterService(&m_health);
        builder.RegisterService(&m_view);
        builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, kHandshakeMillis);
        builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
        builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 500);
        builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PING_STRIKES, 0);
        m_server = builder.BuildAndStart();
        if (!m_server)
            return fail(ErrorCode::Unavailable, "The gateway's server does not start");
        port = m_gate->port();
        m_gate->start();
        return {};
    }
    [[nodiscard]] std::string problem() const { return m_keeper.problem(); }
    GatewayCore core;
    int port = 0;

private:
    Service m_service;
    GatewayHealth m_health;
    SettingsKeeper m_keeper;
    ViewService m_view;
    HealthProber m_prober;
    std::unique_ptr<grpc::Server> m_server;
    std::unique_ptr<ConnectionGate> m_gate; ///< ends first
};

Gateway::Gateway(std::unique_ptr<Running> running) : m_running(std::move(running)) {}

Gateway::~Gateway() = default;

Result<std::unique_ptr<Gateway>> Gateway::start(const GatewayOptions &options,
                                                PopularityList popularity, const Clock &clock,
                                                GatewayCore::News news, PlainDesk plain)
{
    if (options.replicas.empty() || options.replicas.size() > Rotation::kMostReplicas)
        return fail(ErrorCode::InvalidInput,
                    fmt::format("A gateway needs 1 to {} replicas, not {}", Rotation::kMostReplicas,
                                options.replicas.size()));
    auto running = std::make_unique<Running>(options, std::move(popularity), clock, std::move(news),
                                             std::move(plain));
    if (auto listening = running->listen(); !listening)
        return tl::unexpected(listening.error());
    return std::unique_ptr<Gateway>(new Gateway(std::move(running)));
}

int Gateway::port() const
{
    return m_running->port;
}

std::string Gateway::problem() const
{
    return m_running->problem();
}

void Gateway::setSwitches(const Switches &switches)
{
    m_running->core.setSwitches(switches);
}

Switches Gateway::switches() const
{
    return m_running->core.asked();
}

Window Gateway::collect(MonoTime end)
{
    return m_running->core.collect(end);
}

} // namespace engine
