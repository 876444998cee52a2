#include "engine/serving/node_server.h"

#include <fmt/format.h>
#include <grpc/support/time.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <mutex>

namespace engine {
namespace {

/// A connection whose greeting does not come is closed after this.
constexpr int kHandshakeMillis = 20'000;

} // namespace

Result<std::unique_ptr<NodeServer>> NodeServer::start(
    grpc::Service &service,
    std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> interceptor)
{
    // Both are switches of the whole process and must be set before the first server.
    static std::once_flag once;
    std::call_once(once, [] {
        grpc::EnableDefaultHealthCheckService(true);
        grpc::reflection::InitProtoReflectionServerBuilderPlugin();
    });
    std::unique_ptr<NodeServer> out(new NodeServer);
    auto gate = ConnectionGate::open("127.0.0.1:0");
    if (!gate)
        return tl::unexpected(gate.error());
    out->m_gate = std::move(*gate);
    grpc::ServerBuilder builder;
    out->m_gate->serve(builder);
    builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, kHandshakeMillis);
    builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 100);
    builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PING_STRIKES, 0);
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 5000);
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 5000);
    builder.RegisterService(&service);
    if (interceptor) {
        std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> all;
        all.push_back(std::move(interceptor));
        builder.experimental().SetInterceptorCreators(std::move(all));
    }
    out->m_server = builder.BuildAndStart();
    if (!out->m_server)
        return fail(ErrorCode::Io,
                    "No server could be started on 127.0.0.1; are the ports or files used up?");
    out->m_gate->start();
    return out;
}

NodeServer::~NodeServer()
{
    m_gate.reset();
    if (!m_server)
        return;
    m_server->Shutdown(gpr_now(GPR_CLOCK_MONOTONIC));
    m_server->Wait();
}

std::string NodeServer::address() const
{
    return fmt::format("127.0.0.1:{}", port());
}

void NodeServer::setServing(const std::string &name, bool serving)
{
    m_server->GetHealthCheckService()->SetServingStatus(name, serving);
}

void NodeServer::drain(const Clock &clock, Micros notice, Micros finish)
{
    m_server->GetHealthCheckService()->SetServingStatus(false);
    clock.waitUntil(clock.now() + notice, {});
    m_server->Shutdown(gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                                    gpr_time_from_micros(finish.count(), GPR_TIMESPAN)));
    m_server->Wait();
}

grpc::Status statusOf(const Error &error)
{
    const auto code = [&error] {
        switch (error.code) {
        case ErrorCode::InvalidInput:
        case ErrorCode::Usage:
            return grpc::StatusCode::INVALID_ARGUMENT;
        case ErrorCode::NotFound:
            return grpc::StatusCode::NOT_FOUND;
        case ErrorCode::Busy:
            return grpc::StatusCode::RESOURCE_EXHAUSTED;
        case ErrorCode::Timeout:
            return grpc::StatusCode::DEADLINE_EXCEEDED;
        case ErrorCode::Untrusted:
            return grpc::StatusCode::FAILED_PRECONDITION;
        case ErrorCode::Unavailable:
        case ErrorCode::Io:
            return grpc::StatusCode::UNAVAILABLE;
        default:
            return grpc::StatusCode::INTERNAL;
        }
    }();
    return {code, briefly(error.text())};
}

std::string briefly(std::string words)
{
    constexpr std::size_t kMost = 400;
    if (words.size() <= kMost)
        return words;
    auto end = kMost;
    while (end > 0 && (static_cast<unsigned char>(words[end]) & 0xc0) == 0x80)
        --end; // never inside a character: protobuf takes whole ones only
    words.resize(end);
    return words + " ... (cut)";
}

std::optional<MonoTime> deadlineOf(gpr_timespec deadline)
{
    if (gpr_time_cmp(deadline, gpr_inf_future(deadline.clock_type)) == 0)
        return std::nullopt;
    const auto mono = gpr_convert_clock_type(deadline, GPR_CLOCK_MONOTONIC);
    return MonoTime{mono.tv_sec * 1'000'000 + mono.tv_nsec / 1000};
}

} // namespace engine
