#include "engine/agent/agent_service.h"

#include "engine/agent/wire.h"

#include <fmt/format.h>

namespace engine {

namespace proto = drillroom::v1;

namespace {

std::string leaseOf(const grpc::ServerContext &context)
{
    const auto &metadata = context.client_metadata();
    const auto found = metadata.find("drillroom-lease");
    return found == metadata.end() ? std::string{}
                                   : std::string(found->second.data(), found->second.size());
}

} // namespace

template <class Act>
grpc::Status AgentService::guarded(Context *context, bool startsSomething, Outcome *outcome,
                                   Act act)
{
    Result<> result;
    if (const auto leased = m_warden.checkLease(leaseOf(*context)); !leased)
        return {grpc::StatusCode::FAILED_PRECONDITION, leased.error().text()};
    if (startsSomething && m_warden.isHalted())
        result = fail(ErrorCode::Halted,
                      "Everything is halted; release it with: drillctl halt --release");
    else
        result = act();
    const auto detail = std::move(*outcome->mutable_detail());
    *outcome = wire::toProto(result);
    outcome->set_detail(detail);
    return grpc::Status::OK;
}

grpc::Status AgentService::Describe(Context *, const Empty *, proto::AgentInfo *reply)
{
    reply->set_version(DRILLROOM_VERSION);
    reply->set_pid(::getpid());
    reply->set_holder(m_warden.holder());
    reply->set_halted(m_warden.isHalted());
    reply->set_stays(m_shop.stays());
    for (const auto &kind : faultKinds())
        reply->add_faults(kind.name);
    return grpc::Status::OK;
}

grpc::Status AgentService::Watch(Context *context, const Empty *,
                                 grpc::ServerWriter<proto::News> *writer)
{
    const auto queue = m_hub.watch();
    m_shop.startWatching();
    writer->SendInitialMetadata(); // from here on nothing is missed
    while (!context->IsCancelled() && !queue->isOver()) {
        const auto item = queue->pop();
        if (item && !writer->Write(wire::toProto(*item)))
            break;
    }
    m_shop.stopWatching();
    m_hub.leave(queue);
    if (queue->lost() == 0)
        return grpc::Status::OK;
    LinkChanged event;
    event.source = "watcher";
    event.detail = "A watcher did not keep up and was dropped";
    event.up = false;
    event.lost = queue->lost();
    event.at = m_clock.now().count();
    m_hub.publish(Payload{event});
    return {grpc::StatusCode::RESOURCE_EXHAUSTED, "This watcher did not keep up; watch anew"};
}

grpc::Status AgentService::ShopUp(Context *context, const proto::ShopUpRequest *request,
                                  Outcome *outcome)
{
    return guarded(context, true, outcome, [&]() -> Result<> {
        const ShopSpec spec{request->name(), request->replicas(), request->standby(),
                            request->stays()};
        if (!m_shop.isWanted() || spec.stays)
            m_warden.ownShop(spec.stays);
        const auto token = leaseOf(*context);
        const auto status =
            m_shop.up(spec, [&] { return spec.stays || m_warden.checkLease(token).has_value(); });
        DR_RETURN_IF_ERROR(status);
        outcome->set_detail(wire::toJson(*status));
        return {};
    });
}

grpc::Status AgentService::ShopDown(Context *context, const Empty *, Outcome *outcome)
{
    return guarded(context, false, outcome, [&]() -> Result<> {
        DR_RETURN_IF_ERROR(m_warden.undoFault(0));
        return m_shop.down();
    });
}

grpc::Status AgentService::ShopStatus(Context *, const Empty *, Outcome *outcome)
{
    outcome->set_ok(true);
    outcome->set_detail(wire::toJson(m_shop.status()));
    return grpc::Status::OK;
}

grpc::Status AgentService::StartLoad(Context *context, const proto::StartLoadRequest *request,
                                     Outcome *outcome)
{
    return guarded(context, true, outcome,
                   [&] { return m_shop.startLoad(wire::fromProto(*request)); });
}

grpc::Status AgentService::StopLoad(Context *context, const Empty *, Outcome *outcome)
{
    return guarded(context, false, outcome, [&] { return m_shop.stopLoad(); });
}

// Without the lease: whoever runs a drill holds that, and it is for somebody beside them to turn
// the load up. The recording says who did it.
grpc::Status AgentService::SetRate(Context *, const proto::SetRateRequest *request,
                                   Outcome *outcome)
{
    const auto set = m_shop.setRate(request->rate());
    *outcome = wire::toProto(set);
    if (set) {
        OperatorActed event;
        event.act = Act::Note;
        event.who = request->who().substr(0, 100);
        event.text = fmt::format("The load is now {:g} requests/s", request->rate());
        event.target = "traffic";
        event.at = m_clock.now().count();
        m_hub.publish(Payload{std::move(event)});
    }
    return grpc::Status::OK;
}

grpc::Status AgentService::SetSwitches(Context *context, const proto::SwitchesRequest *request,
                                       Outcome *outcome)
{
    return guarded(context, false, outcome, [&]() -> Result<> {
        const auto switches = wire::fromProto(*request);
        DR_RETURN_IF_ERROR(switches);
        return m_shop.setSwitches(*switches);
    });
}

grpc::Status AgentService::ApplyFault(Context *context, const proto::ApplyFaultRequest *request,
                                      Outcome *outcome)
{
    // The warden refuses it while halted, so that the refusal is an event too.
    return guarded(context, false, outcome, [&]() -> Result<> {
        if (request->duration_us() < 0)
            return fail(ErrorCode::InvalidInput, "A fault's duration cannot be negative");
        if (request->id() == 0) // not to be applied, only to be made ready
            return m_shop.prepareFault(wire::fromProto(*request));
        return m_warden.applyFault(wire::fromProto(*request));
    });
}

grpc::Status AgentService::UndoFault(Context *context, const proto::UndoFaultRequest *request,
                                     Outcome *outcome)
{
    return guarded(context, false, outcome, [&] { return m_warden.undoFault(request->id()); });
}

grpc::Status AgentService::Restart(Context *context, const proto::TargetRequest *request,
                                   Outcome *outcome)
{
    return guarded(context, true, outcome, [&]() -> Result<> {
        const auto by = request->by().empty() ? "operator" : request->by();
        if (request->verb() == "restore")
            return m_shop.restore(request->target(), by);
        if (request->verb() == "roll back")
            return m_shop.rollBack(request->target(), by);
        if (request->verb() == "promote")
            return m_shop.promote(request->target(), by);
        if (request->verb() == "canary")
            return m_shop.canary(request->target(), by);
        if (request->verb() == "retrain")
            return m_shop.retrain(by);
        return m_shop.restart(request->target(), by);
    });
}

grpc::Status AgentService::SetSafeguards(Context *context, const proto::SafeguardsRequest *request,
                                         Outcome *outcome)
{
    return guarded(context, false, outcome, [&] {
        return m_shop.setSafeguards({request->backup(), request->verification()});
    });
}

grpc::Status AgentService::Stop(Context *context, const Empty *, Outcome *outcome)
{
    return guarded(context, false, outcome, [&]() -> Result<> {
        m_warden.end();
        return {};
    });
}

} // namespace engine
