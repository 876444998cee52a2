#pragma once
// Runs one drill against a shop: starts load, breaks at the right times, watches, responds, undoes,
// ends. It only appends events to the sink; the verdict comes from what was recorded.
//
// Threads: run() blocks; start() runs it on a thread of its own. abort() and isFinished() may come
// from any thread. The cluster's listener is this object's from the first call until the end of the
// run, when it is taken off again; every event and window it hears goes on to the sink.
// Cluster, sink and clock must outlive it. Times: clock's CLOCK_MONOTONIC microseconds.

#include "engine/cluster/cluster.h"
#include "engine/cluster/shop_keeper.h"
#include "engine/drill/verdict.h"
#include "engine/event/run_sink.h"

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>

namespace engine {

class Monitor;

struct RunSettings
{
    std::string runId, shop, build;
    std::uint64_t seed = 1;
    /// Responses to switch off: names of a drill's responses, of Switches, or "key" for the drill's
    /// whole key-response group.
    std::vector<std::string> without;
    bool unsafe = false;    ///< `without` may name verification
    bool shopStays = false; ///< of a shop that the run has to start itself
};

/// Where a run stands, for a line on a terminal or in the status bar.
struct RunNews
{
    Phase phase = Phase::Preparing;
    Micros t{0};                      ///< since t = 0
    std::string message;              ///< "warming up", "crash ranker 2 on replica/2" ...
    std::vector<std::string> outside; ///< indicators outside right now
};

class DrillRunner
{
public:
    /// `progress` is called on the run's thread, a few times a second and at every change.
    DrillRunner(Cluster &cluster, RunSink &sink, const Clock &clock, Drill drill,
                RunSettings settings, std::function<void(const RunNews &)> progress = {});
    /// Aborts a run that is still on, undoes everything, and waits for its end.
    ~DrillRunner();
    DrillRunner(const DrillRunner &) = delete;
    DrillRunner &operator=(const DrillRunner &) = delete;

    /// An error means that the run never began and nothing was recorded: the shop differs from the
    /// drill's, a fault cannot be applied here, a name in `without` is unknown. Everything later is
    /// in the recording, whose last event is then RunEnded.
    [[nodiscard]] Result<> run(std::stop_token stop = {});
    void start();
    /// Waits for what start() began.
    [[nodiscard]] Result<> wait();
    void abort(std::string why);
    [[nodiscard]] bool isFinished() const { return m_finished; }

private:
    struct Step
    {
        FaultStep what;
        std::uint32_t id = 0;
        bool tried = false, undoAsked = false, toldUnconfirmed = false;
        std::optional<std::int64_t> applied, ended; ///< CLOCK_MONOTONIC microseconds
        bool confirmed = false, unconfirmed = false, refused = false;
        std::int64_t triedAt = 0;
    };
    struct Response
    {
        ResponseStep what;
        std::optional<std::size_t> watch;
        bool isOff = false, acted = false; ///< acted: until its cause is gone
    };
    struct Ending
    {
        EndReason reason = EndReason::Completed;
        std::string detail;
    };

    [[nodiscard]] Result<ShopStatus> prepareShop();
    [[nodiscard]] Result<> applySafeguards();
    [[nodiscard]] Result<> prepareFaults();
    [[nodiscard]] Result<> checkFaults();
    [[nodiscard]] Result<> readSwitches();
    void begin(const ShopStatus &shop);
    [[nodiscard]] std::optional<Ending> tick(std::stop_token stop);
    void end(const Ending &ending);

    void drain();
    void see(const Payload &payload);
    void applyStep(Step &step);
    void undoStep(Step &step);
    void respond(Response &response);
    void watchAlerts();
    void setPhase(Phase phase);
    void append(Payload payload);
    void say(std::string message);
    [[nodiscard]] std::vector<double> latencyLimits() const;
    [[nodiscard]] MonoTime nextWake() const;
    [[nodiscard]] Micros sinceStart() const;
    [[nodiscard]] bool isAllClear() const;
    /// A fault whose end is worth waiting for when the run ends.
    [[nodiscard]] bool isAwaited(EndReason reason) const;

    Cluster &m_cluster;
    RunSink &m_sink;
    const Clock &m_clock;
    const Drill m_drill;
    const RunSettings m_settings;
    const std::function<void(const RunNews &)> m_progress;

    // The run's own thread only
    Switches m_switches;
    Safeguards m_safeguards;
    std::vector<std::string> m_switchedOff;
    MonoTime m_start{0};
    std::unique_ptr<Monitor> m_monitor;
    std::vector<Step> m_steps;
    std::vector<Response> m_responses;
    std::vector<std::size_t> m_guards;
    std::map<std::string, ProcessState> m_processes;
    std::vector<std::string> m_firing;
    Phase m_phase = Phase::Preparing;
    std::string m_message;
    MonoTime m_told{0};
    bool m_halted = false;
    std::optional<std::string> m_agentGone;

    // From the cluster's thread
    struct News
    {
        std::optional<Payload> event;
        std::optional<Window> window;
        std::optional<std::string> gone;
    };
    std::mutex m_mutex;
    std::deque<News> m_inbox;                          ///< under m_mutex
    std::map<std::string, ProcessChanged> m_announced; ///< under m_mutex: before the run began
    bool m_recording = false;                          ///< under m_mutex
    std::optional<std::string> m_abort;                ///< under m_mutex

    std::atomic<bool> m_finished{false};
    Result<> m_result;
    std::jthread m_thread; ///< last: ends before what it uses
};

/// Runs again while this host was too noisy for a verdict (contracts 3.6): `once` is called with
/// the attempt's number from 0 and returns the recording's verdict.
struct Repeated
{
    Verdict verdict;
    int noisy = 0; ///< runs that were thrown away
};
[[nodiscard]] Result<Repeated> repeatOnHostNoise(int most,
                                                 const std::function<Result<Verdict>(int)> &once);

} // namespace engine
