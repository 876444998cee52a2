#pragma once
// What all requests of one gateway share: the replicas, who of them is in rotation, the budgets,
// the switches and the counters.

#include "engine/cluster/cluster.h"
#include "engine/proto/health.grpc.pb.h"
#include "engine/proto/kserve.grpc.pb.h"
#include "engine/proto/store.grpc.pb.h"
#include "engine/serving/ejection.h"
#include "engine/serving/gateway_breaker.h"
#include "engine/serving/gateway_counters.h"
#include "engine/serving/gateway_popularity.h"
#include "engine/serving/retry_budget.h"

#include <condition_variable>
#include <functional>
#include <memory>

namespace engine {

/// A peer and its stubs; each has a channel of its own.
struct Upstream
{
    explicit Upstream(const NodeAddress &at);
    std::string target;
    std::unique_ptr<inference::GRPCInferenceService::Stub> infer;
    std::unique_ptr<grpc::health::v1::Health::Stub> health;
};

/// When answers of the fallback count as "the fallback is on": 5 within a second; off after a
/// second without one. Single ones (a host stall) are only counted. Not thread-safe.
class FallbackMeter
{
public:
    /// True when it has just come on.
    [[nodiscard]] bool served(MonoTime now);
    /// True when it has just gone off.
    [[nodiscard]] bool quiet(MonoTime now);

private:
    static constexpr int kEnough = 5;
    std::deque<MonoTime> m_recent;
    bool m_on = false;
};

/// Thread-safe. `news` is called from any thread and must not block.
class GatewayCore
{
public:
    using News = std::function<void(Payload)>;
    GatewayCore(const GatewayOptions &options, PopularityList popularity, const Clock &clock,
                News news);
    ~GatewayCore();
    GatewayCore(const GatewayCore &) = delete;
    GatewayCore &operator=(const GatewayCore &) = delete;

    const GatewayOptions options;
    const Clock &clock;
    const PopularityList popularity;
    std::vector<std::unique_ptr<Upstream>> replicas, standby;
    std::unique_ptr<drillroom::v1::Store::Stub> store; ///< null without a store
    std::atomic<int> storeMisses{0};                   ///< in a row
    GatewayCounters counters;
    RetryBudget retries, hedges;
    RetryJitter jitter;

    [[nodiscard]] Switches switches() const;
    void setSwitches(const Switches &switches);

    /// A first try asks the breaker, too.
    [[nodiscard]] std::optional<Rotation::Ticket> startTry(std::uint64_t tried, bool first);
    void endTry(const Rotation::Ticket &ticket, TryEnd how, MonoTime due);
    void probeEnded(std::size_t replica, bool answered, bool serving, MonoTime started,
                    MonoTime due);
    [[nodiscard]] bool suspected(std::size_t replica);
    [[nodiscard]] bool anyReady() const;
    void fallbackServed();
    /// To be called often: ends the fallback when it has been quiet.
    void tick();
    [[nodiscard]] Window collect(MonoTime end);

    /// Every request and probe in flight holds one; the destructor waits for the last.
    [[nodiscard]] std::shared_ptr<void> hold();

private:
    void tell(std::vector<ResponseChanged> news);

    const News m_news;
    mutable std::mutex m_mutex; ///< guards what follows up to m_holdMutex
    Rotation m_rotation;
    Breaker m_breaker;
    FallbackMeter m_fallback;
    Switches m_switches;

    std::mutex m_holdMutex; ///< guards m_held
    std::condition_variable m_released;
    int m_held = 0;
};

} // namespace engine
