// network.cut: nothing passes an edge of the shop any more, either way, established connections
// included. Undone by letting it pass; the proxy itself ends with its agent.

#include "engine/fault/fault.h"

#include "engine/fault/probe.h"

namespace engine {
namespace {

constexpr Micros kProbe{300'000};

class NetworkCut final : public Fault
{
public:
    NetworkCut(FaultWorld &world, FaultRequest request)
        : m_world(world), m_target(std::move(request.target)), m_established(world.clock())
    {
    }

    Result<> prepare() override
    {
        m_edge = m_world.edge(m_target);
        if (!m_edge)
            return fail(ErrorCode::NotFound, m_target
                                                 + " is not an edge of this shop; an edge reads "
                                                   "like gateway->replica/2");
        if (!m_established.connect({m_edge->port()}, kProbe))
            return fail(ErrorCode::Unavailable, m_target
                                                    + " does not answer before the cut, so the cut "
                                                      "could not be confirmed");
        return {};
    }

    LedgerIntent intent() const override
    {
        LedgerIntent intent;
        intent.undo = {{"edge", m_target}};
        return intent;
    }

    Result<> apply() override
    {
        m_edge->setFlow(Flow::Hold, Flow::Hold);
        return {};
    }

    bool isConfirmed() override
    {
        return !answersHttp2(m_world.clock(), m_edge->port(), kProbe)
               && !m_established.ping(kProbe);
    }

    void undo() override { m_edge->setFlow(Flow::Pass, Flow::Pass); }

    bool isCleared() override
    {
        if (m_edge->toServer() != Flow::Pass || m_edge->toClient() != Flow::Pass)
            return false;
        // A dead server behind a whole wire is not the cut's doing.
        return answersHttp2(m_world.clock(), m_edge->port(), kProbe)
               || !answersHttp2(m_world.clock(), m_edge->upstream(), kProbe);
    }

    std::string byHand() const override { return "drillctl halt"; }

private:
    FaultWorld &m_world;
    std::string m_target;
    std::shared_ptr<ProxyEdge> m_edge;
    Http2Probe m_established; // open since before the cut
};

} // namespace

FaultKind networkCut()
{
    FaultKind kind;
    kind.name = "network.cut";
    kind.summary = "Cuts one edge of the shop both ways";
    kind.make = [](FaultWorld &world, FaultRequest request) {
        return std::make_unique<NetworkCut>(world, std::move(request));
    };
    kind.repair = [](const LedgerIntent &, const Clock &) {
        return std::string("gone: the proxy ended with its agent");
    };
    return kind;
}

} // namespace engine
