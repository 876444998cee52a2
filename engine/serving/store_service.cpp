#include "engine/serving/store_service.h"

#include "engine/proto/store.grpc.pb.h"
#include "engine/serving/node_counters.h"
#include "engine/serving/node_server.h"

#include <algorithm>
#include <atomic>
#include <fmt/format.h>

namespace engine {
namespace {

namespace proto = drillroom::v1;
using Context = grpc::CallbackServerContext;
using Reactor = grpc::ServerUnaryReactor;

constexpr int kMostShoppers = 1000;
constexpr std::uint32_t kMostRecent = 1000;

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
            reply->set_age_ms(ageOf(history->at));
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
                               m_lastAppend = m_clock.now().count();
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
        reply->set_backed_up_seq(stats.backedUpSeq);
        reply->set_shipped_seq(stats.shippedSeq);
        reply->set_backup_age_ms(ageOf(stats.backedUpAt));
        reply->set_disk_bytes(stats.diskBytes);
        auto *reactor = context->DefaultReactor();
        reactor->Finish(grpc::Status::OK);
        return reactor;
    }

    Reactor *Features(Context *context, const proto::FeaturesRequest *request,
                      proto::FeaturesReply *reply) override
    {
        const auto arrived = m_clock.now();
        const auto read = readFeatures(*request, *reply);
        m_reads.answered(m_clock.now() - arrived, read.has_value());
        auto *reactor = context->DefaultReactor();
        reactor->Finish(read ? grpc::Status::OK : statusOf(read.error()));
        return reactor;
    }

    Reactor *Backup(Context *context, const proto::BackupRequest *,
                    proto::BackupReply *reply) override
    {
        auto *reactor = context->DefaultReactor();
        m_store.backUp([reactor, reply](const Result<EventStore::Backup> &backup) {
            if (backup) {
                reply->set_file(backup->file);
                reply->set_seq(backup->seq);
                reply->set_bytes(backup->bytes);
            }
            reactor->Finish(backup ? grpc::Status::OK : statusOf(backup.error()));
        });
        return reactor;
    }

    Window takeWindow(MonoTime end)
    {
        const auto reads = m_reads.take(), appends = m_appends.take();
        const auto stats = m_store.stats();
        Window window;
        window.source = "store";
        window.end = end.count();
        const auto count = [](std::uint64_t n) { return static_cast<double>(n); };
        window.samples = {
            {"store.requests", count(reads.requests + appends.requests)},
            {"store.failed", count(reads.failed + appends.failed)},
            {"store.acked", count(appends.requests - appends.failed)},
            {"store.seq", count(stats.seq)},
            {"store.opened.seq", count(m_openedSeq)},
            {"store.shipped", count(stats.shippedSeq)},
            {"store.backup", count(stats.backedUpSeq)},
            {"store.disk", count(stats.diskBytes)},
            {"store.append.age", static_cast<double>(end.count() - m_lastAppend) / 1e6}};
        if (appends.requests > 0) {
            window.samples.push_back({"store.age.p95", appends.latency.quantile(0.95)});
            window.sketches.push_back({"store.age", appends.latency.encode()});
        }
        if (reads.requests > 0)
            window.sketches.push_back({"store.latency", reads.latency.encode()});
        return window;
    }

private:
    /// -1: unknown or before the store's time.
    [[nodiscard]] std::int64_t ageOf(std::int64_t at) const
    {
        return at == 0 ? -1 : std::max<std::int64_t>(0, (m_clock.wallMicros() - at) / 1000);
    }

    Result<> readFeatures(const proto::FeaturesRequest &request, proto::FeaturesReply &reply) const
    {
        if (request.shoppers_size() > kMostShoppers || request.recent() > kMostRecent)
            return fail(ErrorCode::InvalidInput,
                        fmt::format("{} items of {} shoppers are asked for; ask for {} of {} at "
                                    "most",
                                    request.recent(), request.shoppers_size(), kMostRecent,
                                    kMostShoppers));
        for (const auto shopper : request.shoppers()) {
            const auto features = m_store.features(shopper, request.recent());
            DR_RETURN_IF_ERROR(features);
            auto &one = *reply.add_shoppers();
            one.set_events(features->events);
            one.mutable_recent()->Add(features->recent.begin(), features->recent.end());
            one.set_age_ms(ageOf(features->at));
        }
        reply.set_seq(m_store.stats().seq);
        return {};
    }

    EventStore &m_store;
    const Clock &m_clock;
    NodeCounters m_reads, m_appends;
    std::atomic<std::int64_t> m_lastAppend{m_clock.now().count()}; ///< acknowledged; the start
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
