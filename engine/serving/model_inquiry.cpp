#include "engine/serving/model_inquiry.h"

#include "engine/proto/health.grpc.pb.h"
#include "engine/proto/kserve.grpc.pb.h"
#include "engine/serving/gateway_wire.h"

#include <fmt/format.h>
#include <grpcpp/create_channel.h>
#include <set>

namespace engine {
namespace {

void setLimit(grpc::ClientContext &context, Micros limit)
{
    context.set_deadline(grpcTime(systemClock().now() + limit));
    context.set_wait_for_ready(true);
}

/// Names that the server's index lists; empty when it has none (the extension is optional).
std::set<std::string> modelsOf(inference::GRPCInferenceService::Stub &stub, Micros limit)
{
    grpc::ClientContext context;
    setLimit(context, limit);
    inference::RepositoryIndexResponse reply;
    std::set<std::string> names;
    if (stub.RepositoryIndex(&context, {}, &reply).ok())
        for (const auto &model : reply.models())
            if (model.state().empty() || model.state() == "READY")
                names.insert(model.name());
    return names;
}

std::string joined(const std::set<std::string> &names)
{
    std::string out;
    for (const auto &name : names)
        out += (out.empty() ? "" : ", ") + name;
    return out;
}

} // namespace

Result<ModelDialect> askDialect(const std::string &address, const std::string &model, Micros limit)
{
    grpc::ChannelArguments arguments;
    arguments.SetInt("grpc.use_local_subchannel_pool", 1);
    arguments.SetInt("grpc.enable_http_proxy", 0);
    const auto channel =
        grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
    const auto stub = inference::GRPCInferenceService::NewStub(channel);

    inference::ModelMetadataRequest request;
    std::set<std::string> names;
    if (model.empty())
        names = modelsOf(*stub, limit);
    if (names.size() > 1 && !names.contains(std::string(kRecommend)))
        return fail(
            ErrorCode::InvalidInput,
            fmt::format("{} has the models {}; say which with --model", address, joined(names)));
    request.set_name(!model.empty()      ? model
                     : names.size() == 1 ? *names.begin()
                                         : std::string(kRecommend));
    inference::ModelMetadataResponse metadata;
    {
        grpc::ClientContext context;
        setLimit(context, limit);
        const auto status = stub->ModelMetadata(&context, request, &metadata);
        if (status.error_code() == grpc::StatusCode::UNAVAILABLE
            || status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED)
            return fail(ErrorCode::Unavailable,
                        fmt::format("Nobody speaks gRPC at {} within {} s: {}", address,
                                    limit.count() / 1'000'000, status.error_message()));
        if (status.error_code() == grpc::StatusCode::UNIMPLEMENTED)
            return fail(ErrorCode::InvalidInput,
                        address + " speaks gRPC, but not KServe v2 (no ModelMetadata)");
        if (!status.ok()) {
            const auto there = modelsOf(*stub, limit);
            return fail(ErrorCode::NotFound,
                        fmt::format("{} has no model \"{}\" ({}){}", address, request.name(),
                                    status.error_message(),
                                    there.empty() ? "; say which with --model"
                                                  : "; there are " + joined(there)));
        }
    }
    if (metadata.name().empty())
        metadata.set_name(request.name());
    auto dialect = dialectOf(metadata);
    DR_RETURN_IF_ERROR(dialect);
    grpc::ClientContext context;
    setLimit(context, limit);
    grpc::health::v1::HealthCheckResponse health;
    const auto status = grpc::health::v1::Health::NewStub(channel)->Check(&context, {}, &health);
    dialect->asksServerReady = status.error_code() == grpc::StatusCode::UNIMPLEMENTED;
    return dialect;
}

} // namespace engine
