#include "engine/agent/asking.h"

#include "engine/proto/kserve.grpc.pb.h"
#include "engine/proto/store.grpc.pb.h"
#include "engine/serving/gateway_wire.h"

#include <algorithm>
#include <fmt/format.h>
#include <grpcpp/create_channel.h>
#include <set>

namespace engine {
namespace {

constexpr std::uint32_t kItems = 10;

// A channel of its own each time: one that is shared would remember earlier failures as back-off.
std::shared_ptr<grpc::Channel> channelTo(const std::string &address)
{
    grpc::ChannelArguments arguments;
    arguments.SetInt("grpc.use_local_subchannel_pool", 1);
    return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

std::shared_ptr<grpc::Channel> channelTo(std::uint16_t port)
{
    return channelTo(fmt::format("127.0.0.1:{}", port));
}

void setLimit(grpc::ClientContext &context, Micros limit)
{
    const auto from = gpr_now(GPR_CLOCK_MONOTONIC);
    context.set_deadline(gpr_time_add(from, gpr_time_from_micros(limit.count(), GPR_TIMESPAN)));
    context.set_wait_for_ready(true);
}

} // namespace

ModelAnswer askModel(std::uint16_t port, std::uint32_t items, Micros limit)
{
    return askModel(fmt::format("127.0.0.1:{}", port), {}, items, limit);
}

ModelAnswer askModel(const std::string &address, const ModelDialect &dialect, std::uint32_t items,
                     Micros limit)
{
    GatewayRequest ask;
    ask.rows = ask.columns = 1;
    ask.history = {0};
    ask.k = static_cast<std::int32_t>(std::min(kItems, items > 1 ? items - 1 : 1));
    inference::ModelInferRequest request;
    writeInfer(ask, dialect, request);
    inference::ModelInferResponse reply;
    grpc::ClientContext context;
    setLimit(context, limit);
    const auto stub = inference::GRPCInferenceService::NewStub(channelTo(address));
    const auto status = stub->ModelInfer(&context, request, &reply);
    ModelAnswer answer;
    answer.status = status.error_code();
    if (!status.ok()) {
        answer.error = status.error_message();
        return answer;
    }
    answer.path = textOf(reply, "path");
    answer.digest = textOf(reply, "digest");
    if (!takeAnswer(dialect, 1, ask.k, reply)) {
        answer.error = fmt::format("the answer does not hold {} items", ask.k);
        return answer;
    }
    const auto &list = reply.outputs(0).contents().int64_contents();
    const bool known = std::all_of(list.begin(), list.end(), [items](std::int64_t item) {
        return item >= 0 && item < static_cast<std::int64_t>(items);
    });
    answer.correct =
        known && std::set(list.begin(), list.end()).size() == static_cast<std::size_t>(ask.k);
    if (!answer.correct)
        answer.error = fmt::format("what came back are not {} different items", ask.k);
    return answer;
}

Result<> askToLoad(std::uint16_t port, const std::string &version, Micros limit)
{
    inference::RepositoryModelLoadRequest request;
    request.set_model_name("recommend");
    if (!version.empty())
        (*request.mutable_parameters())["version"].set_string_param(version);
    inference::RepositoryModelLoadResponse reply;
    grpc::ClientContext context;
    setLimit(context, limit);
    const auto stub = inference::GRPCInferenceService::NewStub(channelTo(port));
    const auto status = stub->RepositoryModelLoad(&context, request, &reply);
    if (status.ok())
        return {};
    const bool refused = status.error_code() == grpc::StatusCode::FAILED_PRECONDITION
                         || status.error_code() == grpc::StatusCode::INVALID_ARGUMENT;
    return fail(refused ? ErrorCode::Untrusted : ErrorCode::Unavailable, status.error_message());
}

struct GoldenAsker::Stub
{
    std::unique_ptr<inference::GRPCInferenceService::Stub> stub;
};

GoldenAsker::GoldenAsker(std::uint16_t port)
    : m_stub(std::make_unique<Stub>(inference::GRPCInferenceService::NewStub(channelTo(port))))
{
}

GoldenAsker::~GoldenAsker() = default;

std::optional<GoldenAnswer> GoldenAsker::ask(std::span<const std::vector<std::int64_t>> histories,
                                             int k, Micros limit) const
{
    std::size_t longest = 1;
    for (const auto &history : histories)
        longest = std::max(longest, history.size());
    GatewayRequest asked;
    asked.rows = static_cast<std::int64_t>(histories.size());
    asked.columns = static_cast<std::int64_t>(longest);
    asked.k = static_cast<std::int32_t>(k);
    for (const auto &history : histories)
        for (std::size_t i = 0; i < longest; ++i)
            asked.history.push_back(i < history.size() ? history[i] : -1);
    const ModelDialect dialect;
    inference::ModelInferRequest request;
    writeInfer(asked, dialect, request);
    inference::ModelInferResponse reply;
    grpc::ClientContext context;
    setLimit(context, limit);
    if (!m_stub->stub->ModelInfer(&context, request, &reply).ok()
        || !takeAnswer(dialect, asked.rows, asked.k, reply))
        return {};
    const auto &items = reply.outputs(0).contents().int64_contents();
    GoldenAnswer answer;
    answer.digest = textOf(reply, "digest");
    for (auto at = items.begin(); at != items.end(); at += k) {
        auto &list = answer.lists.emplace_back(at, at + k);
        std::erase(list, -1); // filled up where the model had no more
    }
    return answer;
}

bool askStore(std::uint16_t port, Micros limit)
{
    drillroom::v1::StatsReply reply;
    grpc::ClientContext context;
    setLimit(context, limit);
    const auto stub = drillroom::v1::Store::NewStub(channelTo(port));
    return stub->Stats(&context, {}, &reply).ok();
}

} // namespace engine
