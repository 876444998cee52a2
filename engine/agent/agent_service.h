#pragma once
// The Agent service: what consoles and drillctl may ask. Calls that change something need the
// lease's token in the metadata "drillroom-lease".

#include "engine/agent/warden.h"
#include "engine/proto/agent.grpc.pb.h"

namespace engine {

class AgentService final : public drillroom::v1::Agent::Service
{
public:
    AgentService(Shop &shop, Warden &warden, NewsHub &hub, const Clock &clock)
        : m_shop(shop), m_warden(warden), m_hub(hub), m_clock(clock)
    {
    }

private:
    using Context = grpc::ServerContext;
    using Outcome = drillroom::v1::Outcome;
    using Empty = drillroom::v1::Empty;
    grpc::Status Describe(Context *, const Empty *, drillroom::v1::AgentInfo *reply) override;
    grpc::Status Watch(Context *, const Empty *,
                       grpc::ServerWriter<drillroom::v1::News> *writer) override;
    grpc::Status ShopUp(Context *, const drillroom::v1::ShopUpRequest *, Outcome *) override;
    grpc::Status ShopDown(Context *, const Empty *, Outcome *) override;
    grpc::Status ShopStatus(Context *, const Empty *, Outcome *) override;
    grpc::Status StartLoad(Context *, const drillroom::v1::StartLoadRequest *, Outcome *) override;
    grpc::Status StopLoad(Context *, const Empty *, Outcome *) override;
    grpc::Status SetRate(Context *, const drillroom::v1::SetRateRequest *, Outcome *) override;
    grpc::Status SetSwitches(Context *, const drillroom::v1::SwitchesRequest *, Outcome *) override;
    grpc::Status ApplyFault(Context *, const drillroom::v1::ApplyFaultRequest *,
                            Outcome *) override;
    grpc::Status UndoFault(Context *, const drillroom::v1::UndoFaultRequest *, Outcome *) override;
    grpc::Status Restart(Context *, const drillroom::v1::TargetRequest *, Outcome *) override;
    grpc::Status SetSafeguards(Context *, const drillroom::v1::SafeguardsRequest *,
                               Outcome *) override;
    grpc::Status Stop(Context *, const Empty *, Outcome *) override;

    /// Runs `act` under the lease; halted calls are refused when `startsSomething`.
    template <class Act>
    grpc::Status guarded(Context *context, bool startsSomething, Outcome *outcome, Act act);

    Shop &m_shop;
    Warden &m_warden;
    NewsHub &m_hub;
    const Clock &m_clock;
};

} // namespace engine
