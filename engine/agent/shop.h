#pragma once
// The running shop: starts its processes, restarts those that ended, knows who serves. What happens
// becomes events in the hub.

#include "engine/agent/golden_watch.h"
#include "engine/agent/launcher.h"
#include "engine/agent/model_loads.h"
#include "engine/agent/news.h"
#include "engine/agent/node_line.h"
#include "engine/agent/retraining.h"
#include "engine/agent/shop_plan.h"
#include "engine/cluster/shop_keeper.h"
#include "engine/fault/fault.h"

#include <condition_variable>
#include <functional>
#include <set>
#include <thread>

namespace engine {

/// The process that a fault on this target hits: itself, or the far end of the edge.
[[nodiscard]] std::string processOf(const std::string &target);

/// Thread-safe. One thread reads the launcher and restarts, one asks the processes for a sign of
/// life. abandon() is for the thread that must never wait: it takes no lock.
class Shop final : public FaultWorld
{
public:
    Shop(const Paths &paths, const Clock &clock, Launcher &launcher, Proxy &proxy, NewsHub &hub);
    ~Shop() override;

    /// Returns when every process serves and a correct reply came through the gateway. A shop that
    /// runs already and is as asked for is fine; one that differs is InvalidInput with the
    /// difference.
    /// `isAsked` turns false when who asked is gone; then the bring-up ends.
    [[nodiscard]] Result<ShopStatus> up(const ShopSpec &spec, const std::function<bool()> &isAsked);
    /// Waits until every process is gone.
    [[nodiscard]] Result<> down();
    /// Kills every process and lets none be restarted; returns at once.
    void abandon();
    /// Ends the load and puts every switched-off response back, soon; returns at once.
    void forgetController()
    {
        m_forget = true;
        m_launcher.wake();
    }
    [[nodiscard]] bool isWanted() const { return m_wanted; }
    [[nodiscard]] bool stays() const { return m_stays; }
    /// A load runs, or is about to: what is measured now may be judged.
    [[nodiscard]] bool isLoaded() const { return m_loaded; }
    /// Somebody reads the telemetry from now on, until stopWatching().
    void startWatching()
    {
        ++m_watchers;
        m_launcher.wake();
    }
    void stopWatching() { --m_watchers; }

    [[nodiscard]] ShopStatus status() const;
    [[nodiscard]] Result<> startLoad(const LoadSpec &spec);
    [[nodiscard]] Result<> stopLoad();
    [[nodiscard]] Result<> setRate(double rate);
    [[nodiscard]] Result<> setSwitches(const Switches &switches);
    /// Starts anew what reads a safeguard that changed, and waits until it serves.
    [[nodiscard]] Result<> setSafeguards(const Safeguards &safeguards);
    /// Kills the process if it runs and starts it anew; `by` as in ResponseChanged.
    [[nodiscard]] Result<> restart(const std::string &target, const std::string &by);
    /// Starts the store anew from its newest backup and the shipped log.
    [[nodiscard]] Result<> restore(const std::string &target, const std::string &by);
    /// Has a replica load the model that served before.
    [[nodiscard]] Result<> rollBack(const std::string &target, const std::string &by);
    /// Lets a version of the registry serve on every replica, at once.
    [[nodiscard]] Result<> promote(const std::string &version, const std::string &by);
    /// Trains anew, shows it to some, promotes: the steps come as events, this returns at once.
    [[nodiscard]] Result<> retrain(const std::string &by);
    /// Shows a version to some of the shoppers, until it is promoted, taken back by the gateway, or
    /// ended by "".
    [[nodiscard]] Result<> canary(const std::string &version, const std::string &by);
    /// Makes what a fault needs beforehand: trains the bad model of model.bad-deploy, once. May
    /// take a minute.
    [[nodiscard]] Result<> prepareFault(const FaultSpec &spec);
    /// The radius rules (design, section 6); InvalidInput says which one. `broken`: processes that
    /// other faults hit already.
    [[nodiscard]] Result<> mayBreak(const std::string &target,
                                    const std::set<std::string> &broken) const;

    /// Unavailable for a fault on a process that is not ours: nothing but the wires to it can
    /// break.
    [[nodiscard]] Result<> mayTouch(const std::string &target) const;

    /// A node is there; refused unless it is the process that was started for this target.
    [[nodiscard]] Result<> connected(const NodeFacts &facts, std::shared_ptr<NodeLine> line);
    void reported(const NodeFacts &facts, bool serving, const std::string &detail);
    void disconnected(const std::string &target, const std::shared_ptr<NodeLine> &line);

    [[nodiscard]] std::optional<TargetProcess> process(const std::string &target) const override;
    [[nodiscard]] std::shared_ptr<ProxyEdge> edge(const std::string &name) const override;
    [[nodiscard]] bool answersCorrectly(const std::string &target) override;
    [[nodiscard]] std::optional<AskedModel> ask(const std::string &target, Micros limit) override;
    [[nodiscard]] CallTeller callFaults(const std::string &target) override;
    [[nodiscard]] std::filesystem::path dataFile(const std::string &target) const override;
    [[nodiscard]] std::filesystem::path modelFile(const std::string &target) const override;
    void reload(const std::string &target) override { m_loads.load(target, ""); }
    [[nodiscard]] std::optional<Result<>> loaded(const std::string &target) const override
    {
        return m_loads.result(target);
    }
    [[nodiscard]] std::filesystem::path shopFolder() const override;
    [[nodiscard]] std::vector<std::string> replicas() const override;
    void deploy(const std::vector<std::string> &targets, const std::string &version) override;
    [[nodiscard]] std::optional<GoldenLook> golden(const std::string &target) const override
    {
        return m_golden.look(target);
    }
    [[nodiscard]] std::vector<Sample> goldenSamples() const { return m_golden.samples(); }
    [[nodiscard]] const Clock &clock() const override { return m_clock; }

    /// "T.up" of every target, 1 when it serves.
    [[nodiscard]] std::vector<Sample> upSamples() const;

private:
    struct Process
    {
        PlannedProcess plan;
        ProcessState state = ProcessState::Stopped;
        ProcessId id; // pid 0: not running, or asked for and not yet reported
        bool isAskedFor = false;
        std::uint16_t port = 0;
        std::string model, version, digest, detail, restartedBy;
        std::uint32_t restarts = 0;
        std::optional<MonoTime> startAt; // when the supervisor starts it next
        Micros backOff{0};
        MonoTime servingSince{0};
        int missedProbes = 0;
        std::shared_ptr<NodeLine> line;
        Micros window = kWindow;       // as it was told
        std::vector<std::string> once; // words for its next start alone
    };
    enum class State { Down, Starting, Up, Ending };

    void supervise(const std::stop_token &stop);
    void monitor(const std::stop_token &stop);
    // All below with m_mutex held.
    void onStarted(const ProcessStarted &report);
    void onEnded(const ProcessEnded &report);
    void startDue();
    void start(Process &process);
    /// Of a server that is not ours, by whether it answered just now.
    void look(Process &attached, bool answers);
    void change(Process &process, ProcessState state, const std::string &detail);
    void respond(const Process &process, const std::string &by, bool active);
    void finishIfEnded();
    /// An idle shop costs little: nodes report each second while nobody watches and no load runs.
    void attend();
    [[nodiscard]] Process *find(const std::string &target);
    [[nodiscard]] const Process *find(const std::string &target) const;
    [[nodiscard]] ShopStatus statusLocked() const;
    [[nodiscard]] Result<> waitUntilServing(std::unique_lock<std::mutex> &lock, MonoTime limit,
                                            const std::function<bool()> &isAsked);
    [[nodiscard]] std::vector<GoldenWatch::Replica> goldenReplicas() const;
    void resetAfterController();
    [[nodiscard]] std::shared_ptr<NodeLine> lineOf(const std::string &target) const;
    /// Writes what changed into the configurations and starts those processes anew; their names.
    [[nodiscard]] Result<std::vector<std::string>> configure(const Safeguards &safeguards);

    const Paths m_paths;
    const Clock &m_clock;
    Launcher &m_launcher;
    Proxy &m_proxy;
    NewsHub &m_hub;

    std::atomic<bool> m_wanted{false}, m_stays{false}, m_forget{false}, m_loaded{false};
    std::atomic<int> m_watchers{0};
    std::atomic<bool> m_attended{true}; // somebody watches or a load runs, or did a moment ago
    std::mutex m_upMutex;               // one bring-up or end at a time; taken before m_mutex

    mutable std::mutex m_mutex; // guards everything below; never held while waiting for a process
    std::condition_variable m_changed;
    State m_state = State::Down;
    ShopSpec m_spec;
    ShopPlan m_plan;
    std::vector<Process> m_processes;
    Switches m_switches;
    Safeguards m_safeguards;
    MonoTime m_attendedAt{0};
    std::string m_failure; // why a bring-up cannot succeed any more

    ModelLoads m_loads;
    GoldenWatch m_golden;
    Trainer m_trainer;
    Retraining m_retraining;
    OperatorCanary m_canary;
    std::jthread m_supervisor, m_monitor;
};

} // namespace engine
