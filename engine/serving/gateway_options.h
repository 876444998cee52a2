#pragma once
// The numbers by which the gateway decides. Those of GatewaySettings come from one file that may
// change while the gateway runs (gateway_settings.h); what each means: gateway.md.

#include "engine/base/clock.h"
#include "engine/cluster/cluster.h"
#include "engine/serving/model_dialect.h"
#include "engine/serving/node_config.h"

namespace engine {

/// Times in microseconds. Defaults: reference "Serving-side defaults" and contracts 5.5.
struct EjectionRules
{
    int consecutive = 3;              ///< failures in a row
    Micros base{5'000'000};           ///< out for at least this long, then until a probe answers
    Micros othersAnswered{1'000'000}; ///< another replica must have answered this recently
    Micros silence{400'000};          ///< one that says nothing at all is given this long
    Micros ownStall{25'000}; ///< a time-out noticed this late is our own stall, not the replica's
    Micros suspectAfter{40'000}; ///< nothing heard for this long while others answer: steer away
    double suspectFactor = 3;    ///< ... and for this multiple of the recent p99
};

struct HealthRules
{
    Micros interval{500'000}, timeout{500'000}; ///< three misses in a row = dead (<= 2.5 s)
    Micros urgentTimeout{200'000};              ///< of the extra probe that a suspicion starts
};

struct BreakerRules
{
    Micros span{2'000'000};
    int requests = 20;
    double errorShare = 0.5;
    Micros probeEvery{1'000'000};
    int closeAfter = 2; ///< probes answered in a row
};

struct HedgeRules
{
    double quantile = 0.95;               ///< of the recent answers: a second try starts then
    Micros least{3'000}, most{50'000};    ///< bounds of that wait
    Micros quietAfterOverload{1'000'000}; ///< no hedge so soon after a refusal
};

struct QueueRules
{
    int running = 32;  ///< requests at the replicas, per replica in rotation
    int waiting = 256; ///< requests that wait for one of those places
};

/// The share of the places that a class may fill; search may fill all.
struct PriorityRules
{
    double recommendation = 0.9, ads = 0.6;
};

struct ThrottleRules
{
    double k = 2; ///< Google SRE book, "Handling Overload": p = max(0, (asked - k * accepted) /
                  ///< (asked + 1))
    Micros span{4'000'000};
};

struct CacheRules
{
    int entries = 5'000;
    Micros fresh{0};           ///< answered from the cache without asking; 0 = never
    Micros stale{600'000'000}; ///< ... when nothing else answers
    double jitter = 0.1;       ///< of `fresh`, so that entries made together do not end together
};

struct CanaryRules
{
    std::vector<std::string> targets; ///< replicas with the new model; the others are the base
    double share = 0;                 ///< of the shoppers
    double errorBand = 0.05;          ///< rolled back when it fails by this much more often,
    double qualityBand = 0.8;         ///< or earns less than this share of what the base earns,
    int least = 100;                  ///< both over at least so many
};

/// What answers for the other applications when the primaries do not, in this order.
struct ApplicationRules
{
    std::vector<std::string> search{"standby", "list", "popular"};
    std::vector<std::string> ads{"standby", "base-rate"};
    std::vector<std::string> inventory{"standby", "seasonal-naive"};
    [[nodiscard]] const std::vector<std::string> &chain(std::string_view application) const
    {
        return application == "search" ? search : application == "ads" ? ads : inventory;
    }
};

struct GatewaySettings
{
    Micros perTry{100'000};
    Micros storeSlice{80'000};
    Micros storeSliceDown{
        10'000}; ///< after storeDownAfter missed reads in a row, until one answers
    int storeDownAfter = 5;
    Micros latest{1'000'000}; ///< a caller without a deadline is answered within this
    Micros reserve{8'000};    ///< kept back to answer from the popularity list in time
    Micros leastTry{5'000};   ///< a try that has less time than this is not started
    Micros jitterLow{500}, jitterHigh{4'000};
    double retryRatio = 0.1, hedgeRatio = 0.05;
    EjectionRules ejection;
    HealthRules health;
    BreakerRules breaker;
    HedgeRules hedge;
    QueueRules queue;
    PriorityRules priority;
    ThrottleRules throttle;
    CacheRules cache;
    CanaryRules canary;
    Micros discoveryEvery{250'000}; ///< how often the endpoints' file is looked at
    /// What answers when the primaries do not, in this order.
    std::vector<std::string> chain{"standby", "popularity", "cached"};
    ApplicationRules applications;
    Switches switches; ///< a mechanism is on where this and the drill say so
};

struct GatewayOptions : GatewaySettings
{
    std::string listen = "127.0.0.1:0";
    std::uint64_t seed = 1;
    std::vector<NodeAddress> replicas, standby;
    std::string store;               ///< address, or empty: only requests that bring their history
    std::vector<std::string> served; ///< applications of the replicas beside recommend
    std::optional<ModelDialect> dialect; ///< the replicas and the standby are not ours
    std::filesystem::path settingsFile;  ///< watched; empty or missing: the defaults
    std::filesystem::path endpointsFile; ///< watched; empty: the addresses above are all
};

/// Reads a node's options; InvalidInput names the option. The settings are not read here.
[[nodiscard]] Result<GatewayOptions> gatewayOptions(const NodeConfig &config);

} // namespace engine
