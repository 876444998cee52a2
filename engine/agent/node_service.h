#pragma once
// Nodes.Connect: one stream per process of the shop.

#include "engine/agent/shop.h"
#include "engine/proto/agent.grpc.pb.h"

namespace engine {

class NodeService final : public drillroom::v1::Nodes::Service
{
public:
    NodeService(Shop &shop, NewsHub &hub) : m_shop(shop), m_hub(hub) {}

private:
    using Stream = grpc::ServerReaderWriter<drillroom::v1::NodeCommand, drillroom::v1::NodeReport>;
    class Line;
    grpc::Status Connect(grpc::ServerContext *context, Stream *stream) override;
    void take(const std::shared_ptr<Line> &line, NodeFacts &facts,
              const drillroom::v1::NodeReport &report);

    Shop &m_shop;
    NewsHub &m_hub;
};

} // namespace engine
