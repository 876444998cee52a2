#pragma once
// The thread that keeps the promises: it holds the ledger, undoes every fault at its deadline or
// when its controller is gone, and serves the plain socket for lease and emergency stop. It calls
// no gRPC and takes no lock that is held during work, so nothing that hangs can keep it from
// undoing.
//
// The plain socket, one line each way, peers of the same user only:
//   lease NAME      -> ok TOKEN | held WHO     the lease lasts as long as the connection
//   recording FILE  -> ok                      what the holder's run is recorded in
//   halt            -> ok                      everything undone, nothing new starts
//   release         -> ok                      ends the halt

#include "engine/agent/fault_run.h"
#include "engine/agent/shop.h"
#include "engine/base/paths.h"
#include "engine/fault/ledger.h"

#include <atomic>
#include <deque>
#include <future>
#include <list>
#include <set>

namespace engine {

struct WardenOptions
{
    int controllerFd = -1;       ///< end of the spawning controller's pipe; -1: nobody spawned us
    std::function<void()> onEnd; ///< everything is undone: the agent must leave now
};

class Warden
{
public:
    /// Takes over a ledger that was repaired. `listener`: the listening plain socket.
    Warden(const Paths &paths, const Clock &clock, Ledger ledger, Fd listener, Shop &shop,
           NewsHub &hub, WardenOptions options);
    ~Warden();

    /// Writes the undo, applies, and returns; any thread. Refusals become events too.
    [[nodiscard]] Result<> applyFault(const FaultSpec &spec);
    /// 0 = every fault. NotFound when there is none of this number.
    [[nodiscard]] Result<> undoFault(std::uint32_t id);
    void halt(bool on, const std::string &who);
    /// Undoes everything, ends the shop, then calls onEnd.
    void end();

    [[nodiscard]] bool isHalted() const { return m_halted; }
    [[nodiscard]] std::string holder() const;
    /// Busy, naming the holder, unless the token is the lease's.
    [[nodiscard]] Result<> checkLease(const std::string &token) const;
    /// The shop that runs now was started under the present lease and ends with it.
    void ownShop(bool stays);

private:
    struct Peer
    {
        Fd socket;
        std::string received, name, recording;
        pid_t pid = 0;
        bool holdsLease = false;
    };
    void run(const std::stop_token &stop);
    /// Runs on the warden's thread; waits for the result unless that never comes.
    template <class T>
    T ask(std::function<T()> task);
    void acceptPeers();
    void readPeer(Peer &peer);
    void answer(Peer &peer, const std::string &line);
    std::string giveLease(Peer &peer, const std::string &name);
    void dropPeer(Peer &peer);
    Result<> applyNow(const std::shared_ptr<FaultRun> &run, LedgerIntent intent,
                      const FaultKind &kind);
    void undoNow(const std::vector<std::shared_ptr<FaultRun>> &runs, const std::string &why);
    void undoAllNow(const std::string &why);
    void undoDue();
    void haltNow(bool on, const std::string &who);
    void controllerIsGone(const Peer &peer);
    void endNow();
    void refuse(const FaultSpec &spec, const Error &error);
    [[nodiscard]] std::set<std::string> brokenProcesses() const;
    [[nodiscard]] MonoTime nextDeadline() const;
    void forgetFinished();

    const Paths m_paths;
    const Clock &m_clock;
    Ledger m_ledger;
    Fd m_listener, m_wake;
    Shop &m_shop;
    NewsHub &m_hub;
    WardenOptions m_options;
    Fd m_controller;
    bool m_controllerGone = false;

    std::atomic<bool> m_halted{false}, m_ownsShop{false};
    mutable std::mutex
        m_mutex; // guards m_tasks, m_holder, m_token, m_broken; held for moments only
    std::deque<std::function<void()>> m_tasks;
    std::string m_holder, m_token;
    std::set<std::string> m_broken;

    // The thread's own:
    std::list<Peer> m_peers;
    std::vector<std::shared_ptr<FaultRun>> m_runs;
    std::jthread m_thread;
};

} // namespace engine
