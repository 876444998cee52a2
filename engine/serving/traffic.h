#pragma once
// The shoppers: asks the gateway by a fixed trace in an open loop and scores every answer.

#include "engine/cluster/cluster.h"
#include "engine/data/earned.h"
#include "engine/data/labelled_request.h"
#include "engine/serving/traffic_ledger.h"

#include <functional>
#include <memory>
#include <thread>

namespace engine {

/// What another application of the shop is asked.
struct ApplicationTrace
{
    std::string name;
    double share = 0; ///< of all requests
    LabelledRequests requests;
    std::vector<float> expected; ///< per request, of the reference model; empty: no reading
};

/// Shared by all runs of one process; read-only.
struct TrafficTrace
{
    std::vector<TraceRow> rows;
    std::vector<float> expected; ///< per row, of the reference model; empty: no reading
    std::unique_ptr<const Earned> earned;
    int k = 10;
    std::vector<float> prices;            ///< by item, 0 = unknown; empty: no revenue is given
    std::uint32_t items = 0;              ///< in the catalogue, for coverage; 0: unknown
    std::vector<ApplicationTrace> others; ///< a mixed load; the rest of the shares is recommend's
};

struct TrafficOptions
{
    std::string gateway, store; ///< addresses; no store: labels are not appended
    Micros giveUp{1'000'000};   ///< no answer by then = failed
    /// How long the end of a load waits for labels that the store has not acknowledged.
    Micros appendGrace{2'000'000};
};

/// Latency is counted from the scheduled send time, whenever the request really went out, so that a
/// stalled shop shows as latency and not as fewer requests. Thread-safe. `window` is called from
/// one thread of its own, for every 100 ms from the start of a load to its last answer, in order.
class Traffic
{
public:
    using SendWindow = std::function<void(const Window &)>;
    Traffic(const TrafficOptions &options, TrafficTrace trace, const Clock &clock,
            SendWindow window);
    ~Traffic(); ///< stops the load and waits for its last answers
    Traffic(const Traffic &) = delete;
    Traffic &operator=(const Traffic &) = delete;

    /// Busy while a load runs; InvalidInput when the start has passed or a number makes no sense.
    [[nodiscard]] Result<> start(const LoadSpec &spec);
    /// Changes the rate of the load that runs, within 100 ms; NotFound when none does.
    [[nodiscard]] Result<> setRate(double rate);
    /// No request is sent after this; windows go on until the last answer.
    void stop();
    /// Until the load that was stopped has sent its last window.
    void wait();
    [[nodiscard]] bool isRunning() const;

private:
    class Load;
    const TrafficOptions m_options;
    const TrafficTrace m_trace;
    const Clock &m_clock;
    const SendWindow m_window;
    mutable std::mutex m_mutex; ///< guards m_load
    std::unique_ptr<Load> m_load;
};

} // namespace engine
