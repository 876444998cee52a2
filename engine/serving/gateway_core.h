#pragma once
// What all requests of one gateway share: the replicas, who of them gets requests, the budgets, the
// settings, the switches and the counters.

#include "engine/proto/health.grpc.pb.h"
#include "engine/proto/kserve.grpc.pb.h"
#include "engine/proto/store.grpc.pb.h"
#include "engine/serving/canary.h"
#include "engine/serving/ejection.h"
#include "engine/serving/endpoints_file.h"
#include "engine/serving/gateway_breaker.h"
#include "engine/serving/gateway_cache.h"
#include "engine/serving/gateway_counters.h"
#include "engine/serving/gateway_popularity.h"
#include "engine/serving/gateway_queue.h"
#include "engine/serving/gateway_throttle.h"
#include "engine/serving/plain_desk.h"
#include "engine/serving/retry_budget.h"

#include <condition_variable>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>

namespace engine {

/// A peer and its stubs; each has a channel of its own.
struct Upstream
{
    explicit Upstream(const NodeAddress &at);
    const std::string target, address;
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
                News news, PlainDesk plain = {});
    ~GatewayCore();
    GatewayCore(const GatewayCore &) = delete;
    GatewayCore &operator=(const GatewayCore &) = delete;

    const GatewayOptions options; ///< as started: its settings may have changed since
    const Clock &clock;
    const PopularityList popularity;
    const PlainDesk plain; ///< the other applications: which there are, and their last word
    std::unique_ptr<drillroom::v1::Store::Stub> store; ///< null without a store
    std::atomic<int> storeMisses{0};                   ///< in a row
    GatewayCounters counters;
    RetryBudget retries, hedges;
    RetryJitter jitter;
    GatewayQueue queue;
    GatewayCache cache;
    SingleFlight flights;

    [[nodiscard]] std::shared_ptr<const GatewaySettings> settings() const;
    void setSettings(const GatewaySettings &settings);
    /// What is on: where the settings and the drill say so.
    [[nodiscard]] Switches switches() const;
    /// The drill's word.
    void setSwitches(const Switches &switches);
    [[nodiscard]] Switches asked() const;
    /// Where the replicas are now. An empty list of replicas is not taken: false.
    bool setEndpoints(const Endpoints &endpoints);

    struct Chosen
    {
        Rotation::Ticket ticket;
        std::shared_ptr<Upstream> upstream;
        bool canary = false;
        bool isProbe = false; ///< of an open breaker
    };
    /// A replica for a first try (which moves the round on) or a further one.
    [[nodiscard]] std::optional<Chosen> startTry(std::uint64_t tried, bool first, bool canary);
    void endTry(const Chosen &chosen, TryEnd how, bool isOverload, MonoTime due);
    [[nodiscard]] std::shared_ptr<Upstream> healthyStandby() const;
    /// When a second try is to start beside a first; none: not now.
    [[nodiscard]] std::optional<Micros> hedgeDelay();
    [[nodiscard]] bool mayHedge();
    [[nodiscard]] bool throttled();
    [[nodiscard]] std::size_t usableReplicas() const;

    [[nodiscard]] bool isCanary(std::uint64_t shopper) const;
    void canaryServed(std::uint32_t shopper, std::uint32_t h, bool canary,
                      std::span<const std::int64_t> items);
    void canaryHappened(std::uint32_t shopper, std::span<const std::int64_t> history);

    /// Who is to be probed. `standby` and `index` name it for probeEnded.
    struct Probed
    {
        std::shared_ptr<Upstream> upstream;
        std::size_t index = 0;
        bool standby = false, isSuspect = false;
    };
    [[nodiscard]] std::vector<Probed> probed();
    void probeEnded(const Probed &who, bool answered, bool serving, MonoTime started, MonoTime due);
    [[nodiscard]] bool anyReady() const;
    /// One in rotation, for questions that are no work; null: there is none.
    [[nodiscard]] std::shared_ptr<Upstream> anyReplica() const;
    /// `by`: who answers instead of the primaries.
    void fallbackServed(std::string_view by);
    /// To be called often: ends what ends by itself.
    void tick();
    /// For who calls it: until `until`, or until the first request after a quiet second.
    void waitForWork(MonoTime until, const std::stop_token &stop);
    /// Nobody asked for a second: nothing needs a look before the next probe is due.
    [[nodiscard]] bool isQuiet() const;
    [[nodiscard]] Window collect(MonoTime end);
    /// Settings, switches, replicas and counts so far, for the operator.
    [[nodiscard]] nlohmann::ordered_json view() const;
    void tell(ResponseChanged news);

    /// Every request and probe in flight holds one; the destructor waits for the last.
    [[nodiscard]] std::shared_ptr<void> hold();

private:
    struct Standby
    {
        std::shared_ptr<Upstream> upstream;
        bool known = false, serving = false;
        int misses = 0;
    };
    void tell(std::vector<ResponseChanged> news);
    void applySwitches(MonoTime now, std::vector<ResponseChanged> &news);
    [[nodiscard]] bool isUsable(const Standby &standby) const;
    [[nodiscard]] std::uint64_t groupMask(bool canary) const;

    const News m_news;
    mutable std::mutex m_mutex; ///< guards what follows up to m_holdMutex
    std::shared_ptr<const GatewaySettings> m_settings;
    Rotation m_rotation;
    std::vector<std::shared_ptr<Upstream>> m_replicas; ///< as in m_rotation
    std::vector<Breaker> m_breakers;                   ///< as in m_rotation
    std::vector<Standby> m_standby;
    Canary m_canary;
    Throttle m_throttle;
    FallbackMeter m_fallback;
    Switches m_asked, m_switches;
    MonoTime m_overloadedAt{0};

    std::atomic<std::int64_t> m_lastTry{0}; ///< microseconds on the clock
    std::atomic<bool> m_waits{false};       ///< somebody waits for work
    std::mutex m_workMutex;                 ///< held to wake who waits
    std::condition_variable_any m_work;

    std::mutex m_holdMutex; ///< guards m_held
    std::condition_variable m_released;
    int m_held = 0;
};

} // namespace engine
