#pragma once
// The numbers by which the gateway decides; every one can be set in the node's options.

#include "engine/base/clock.h"
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

struct GatewayOptions
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
    std::string listen = "127.0.0.1:0";
    std::uint64_t seed = 1;

    std::vector<NodeAddress> replicas, standby;
    std::string store; ///< address, or empty: only requests that bring their history
};

/// Reads a node's options; InvalidInput names the option.
[[nodiscard]] Result<GatewayOptions> gatewayOptions(const NodeConfig &config);

} // namespace engine
