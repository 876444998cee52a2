#include "engine/serving/store_service.h"

#include "engine/proto/store.grpc.pb.h"
#include "engine/serving/node_counters.h"
#include "engine/serving/node_server.h"

namespace engine {
namespace {

namespace proto = drillroom::v1;
using Context = grpc::CallbackServerContext;
using Reactor = grpc::ServerUnaryReactor;

} // namespace

class StoreService::Service final : public proto::Store::CallbackService
{
public:
    Service(EventStore &store, const Clock &clock) : m_store(store), m_clock(clock) {}

    Reactor *History(Context *context, const proto::HistoryRequest *request,
                     proto::HistoryReply *reply) override
    {
        const auto arrived = m_clock.now();
        const auto history = m_store.history(request->shopper(), request->h());
        if (history) {
            reply->mutable_items()->Add(history->items.begin(), history->items.end());
            reply->set_seq(history->seq);
        }
        m_reads.answered(m_clock.now() - arrived, history.has_value());
        auto *reactor = context->DefaultReactor();
        reactor->Finish(history ? grpc::Status::OK : statusOf(history.error()));
        return reactor;
    }

    Reactor *Append(Context *context, const proto::AppendRequest *request,
                    proto::AppendReply *reply) override
    {
        // The event is kept even when the caller has gone meanwhile: it may have been told so by a
        // second attempt.
        const auto arrived = m_clock.now();
        auto *reactor = context->DefaultReactor();
        m_store.append(request->shopper(), request->h(), request->item(),
                       [this, reactor, reply, arrived](Result<std::uint64_t> seq) {
                           m_appends.answered(m_clock.now() - arrived, seq.has_value());
                           if (seq)
                               reply->set_seq(*seq);
                           reactor->Finish(seq ? grpc::Status::OK : statusOf(seq.error()));
                       });
        return reactor;
    }

    Reactor *Stats(Context *context, const proto::StatsRequest *, proto::StatsReply *reply) override
    {
        const auto stats = m_store.stats();
        reply->set_events(stats.events);
        reply->set_acked(stats.acked);
        reply->set_seq(stats.seq);
        auto *reactor = context->DefaultReactor();
        reactor->Finish(grpc::Status::OK);
        return reactor;
    }

    Window takeWindow(MonoTime end)
    {
        const auto reads = m_reads.take(), appends = m_appends.take();
        Window window;
        window.source = "store";
        window.end = end.count();
        const auto count = [](std::uint64_t n) { return static_cast<double>(n); };
        window.samples = {{"store.requests", count(reads.requests + appends.requests)},
                          {"store.failed", count(reads.failed + appends.failed)},
                          {"store.acked", count(appends.requests - appends.failed)},
                          {"store.seq", count(m_store.stats().seq)},
                          {"store.opened.seq", count(m_openedSeq)}};
        if (appends.requests > 0) {
            window.samples.push_back({"store.age.p95", appends.latency.quantile(0.95)});
            window.sketches.push_back({"store.age", appends.latency.encode()});
        }
        if (reads.requests > 0)
            window.sketches.push_back({"store.latency", reads.latency.encode()});
        return window;
    }

private:
    EventStore &m_store;
    const Clock &m_clock;
    NodeCounters m_reads, m_appends;
    const std::uint64_t m_openedSeq = m_store.stats().seq; ///< what a loss is measured against
};

StoreService::StoreService(EventStore &store, const Clock &clock)
    : m_service(std::make_unique<Service>(store, clock))
{
}

StoreService::~StoreService() = default;

grpc::Service &StoreService::service()
{
    return *m_service;
}

Window StoreService::takeWindow(MonoTime end)
{
    return m_service->takeWindow(end);
}

} // namespace engine
