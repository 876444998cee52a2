#pragma once
// Our values as the messages of agent.proto, and back.

#include "engine/agent/news.h"
#include "engine/cluster/cluster.h"
#include "engine/proto/agent.grpc.pb.h"
#include "engine/serving/load_wire.h"

namespace engine::wire {

namespace proto = drillroom::v1;

[[nodiscard]] proto::SwitchesRequest toProto(const Switches &switches);
[[nodiscard]] Result<Switches> fromProto(const proto::SwitchesRequest &request);
[[nodiscard]] proto::ApplyFaultRequest toProto(const FaultSpec &spec);
[[nodiscard]] FaultSpec fromProto(const proto::ApplyFaultRequest &request);
[[nodiscard]] proto::News toProto(const NewsItem &item);
/// Nothing when the bytes are not an item of this version.
[[nodiscard]] std::optional<NewsItem> fromProto(const proto::News &news);
[[nodiscard]] std::optional<Payload> fromProto(const proto::EventRecord &record);
[[nodiscard]] std::optional<Window> windowFrom(const std::string &bytes);

[[nodiscard]] proto::Outcome toProto(const Result<> &result);
[[nodiscard]] Result<> fromProto(const proto::Outcome &outcome);

[[nodiscard]] std::string toJson(const ShopStatus &status);
[[nodiscard]] Result<ShopStatus> statusFrom(const std::string &json);

} // namespace engine::wire
