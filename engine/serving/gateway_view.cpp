#include "engine/serving/gateway_view.h"

#include "engine/proto/gateway.grpc.pb.h"
#include "engine/serving/gateway_channel.h"

#include <nlohmann/json.hpp>

namespace engine {

Result<nlohmann::ordered_json> askGatewayView(const std::string &address, Micros limit)
{
    const auto stub = drillroom::v1::Gateway::NewStub(resilientChannel(address));
    grpc::ClientContext context;
    context.set_deadline(gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                                      gpr_time_from_micros(limit.count(), GPR_TIMESPAN)));
    drillroom::v1::GatewayViewReply reply;
    const auto status = stub->View(&context, {}, &reply);
    if (!status.ok())
        return fail(ErrorCode::Unavailable,
                    "The gateway at " + address + " does not answer: " + status.error_message());
    auto view = nlohmann::ordered_json::parse(reply.json(), nullptr, false);
    if (!view.is_object())
        return fail(ErrorCode::Internal, "The gateway's answer is not JSON");
    view["file"] = reply.file();
    view["problem"] = reply.problem();
    return view;
}

} // namespace engine
