#pragma once
// A shop that exists on paper, and a clock that plays it: every wait jumps ahead in steps of 100 ms
// and lets the shop act, so that a run of a minute takes milliseconds. What a fault does to traffic
// and who responds is scripted here; the runner under test cannot tell.

#include "engine/cluster/cluster.h"
#include "engine/drill/judge.h"
#include "engine/event/run_sink.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <map>
#include <set>

namespace testing_support {

class ScriptClock : public engine::Clock
{
public:
    std::function<void()> step = [] {};
    [[nodiscard]] engine::MonoTime now() const override { return m_now; }
    [[nodiscard]] std::int64_t wallMicros() const override { return m_now.count(); }
    bool waitUntil(engine::MonoTime when, std::stop_token stop) const override
    {
        while (m_now < when && !stop.stop_requested()) {
            const auto next = engine::MonoTime{(m_now.count() / 10'000 + 1) * 10'000};
            m_now = std::min(next, when);
            if (m_now == next)
                step();
        }
        return !stop.stop_requested();
    }

private:
    mutable engine::MonoTime m_now{3'000'030'000};
};

class ScriptedShop : public engine::Cluster
{
public:
    explicit ScriptedShop(ScriptClock &clock) : m_clock(clock)
    {
        clock.step = [this] { step(); };
    }

    // What is scripted
    engine::ShopStatus status{"demo", "up",  "recommend",   3, false, true,
                              true,   "abc", {"recommend"}, {}};
    std::vector<std::string> faults{"process.kill", "process.freeze", "network.cut"};
    bool confirms = true, refuses = false, undoes = true, clears = true, loads = true;
    double failAll = -1;  ///< from then on every request fails, s since t = 0
    double haltAt = -1;   ///< an operator pulls the emergency stop
    double goneAt = -1;   ///< the agent is lost
    double alarmAt = -1;  ///< latency is outside for 3 s
    double silentAt = -1; ///< traffic says nothing for a second

    // What happened
    std::vector<std::string> calls;
    engine::LoadSpec load;
    engine::Switches switches;

    void listen(engine::ClusterListener listener) override { m_listener = std::move(listener); }
    engine::Result<engine::Capabilities> capabilities() override
    {
        return engine::Capabilities{faults, {{"process.kill", "no signals here"}}};
    }
    engine::Result<engine::ShopStatus> shopUp(const engine::ShopSpec &spec) override
    {
        calls.push_back("shopUp " + spec.name);
        status.state = "up";
        status.name = spec.name;
        status.replicas = spec.replicas;
        return status;
    }
    engine::Result<> shopDown() override { return {}; }
    engine::Result<engine::ShopStatus> shopStatus() override { return status; }
    engine::Result<> startLoad(const engine::LoadSpec &spec) override
    {
        if (!loads)
            return engine::fail(engine::ErrorCode::Unavailable, "traffic does not answer");
        load = spec;
        m_loading = true;
        return {};
    }
    engine::Result<> stopLoad() override
    {
        calls.emplace_back("stopLoad");
        m_loading = false;
        return {};
    }
    engine::Result<> setSwitches(const engine::Switches &wanted) override
    {
        switches = wanted;
        return {};
    }
    engine::Result<> applyFault(const engine::FaultSpec &spec) override
    {
        if (refuses)
            return engine::fail(engine::ErrorCode::InvalidInput, "the last healthy replica");
        m_fault = spec;
        m_on = m_struck = true;
        m_struckAt = m_clock.now().count();
        change(engine::FaultState::Intended);
        change(engine::FaultState::Applied);
        if (spec.fault == "process.kill")
            process(engine::ProcessState::Down);
        if (spec.fault == "process.freeze")
            process(engine::ProcessState::Frozen);
        return {};
    }
    engine::Result<> undoFault(std::uint32_t) override
    {
        calls.emplace_back("undoFault");
        return undo();
    }
    engine::Result<> undoAll() override
    {
        calls.emplace_back("undoAll");
        return m_on && m_fault.fault != "process.kill" ? undo() : engine::Result<>{};
    }
    engine::Result<> restart(const std::string &target) override
    {
        calls.push_back("restart " + target);
        tell(engine::ResponseChanged{"restart", target, "drill", "", true, m_clock.now().count()});
        process(engine::ProcessState::Serving);
        m_on = false;
        change(engine::FaultState::Undone);
        return {};
    }
    engine::Result<> halt(bool) override
    {
        calls.emplace_back("halt");
        return undoAll();
    }

private:
    engine::Result<> undo()
    {
        if (!undoes || !m_on)
            return {};
        change(engine::FaultState::Undoing);
        m_on = false;
        if (m_fault.fault == "process.freeze")
            process(engine::ProcessState::Serving);
        change(engine::FaultState::Undone);
        return {};
    }

    [[nodiscard]] double since() const
    {
        return static_cast<double>((m_clock.now() - load.start).count()) / 1e6;
    }
    bool once(double when, const char *what)
    {
        return m_loading && when >= 0 && since() >= when && m_done.insert(what).second;
    }
    void tell(engine::Payload payload)
    {
        if (m_listener.event)
            m_listener.event(std::move(payload));
    }
    void change(engine::FaultState state)
    {
        engine::FaultChanged fault;
        fault.id = m_fault.id;
        fault.step = m_fault.step;
        fault.fault = m_fault.fault;
        fault.target = m_fault.target;
        fault.state = state;
        fault.at = m_clock.now().count();
        tell(fault);
    }
    void process(engine::ProcessState state)
    {
        engine::ProcessChanged process;
        process.target = m_fault.target;
        process.role = "replica";
        process.state = state;
        process.at = m_clock.now().count();
        tell(process);
    }
    void respond(const char *kind, const char *by)
    {
        tell(engine::ResponseChanged{kind, "replica/2", by, "", true, m_clock.now().count()});
    }

    /// Every 10 ms of the run.
    void step()
    {
        const auto now = m_clock.now().count();
        const auto age = now - m_struckAt;
        if (m_struck && confirms && age >= 40'000 && m_done.insert("confirm").second)
            change(engine::FaultState::Confirmed);
        if (m_struck && switches.ejection && age >= 300'000 && m_done.insert("eject").second)
            respond("ejection", "gateway");
        if (m_struck && m_fault.fault == "process.kill" && switches.restart && clears
            && age >= 2'500'000 && m_done.insert("restart").second) {
            respond("restart", "supervisor");
            process(engine::ProcessState::Serving);
            m_on = false;
            change(engine::FaultState::Undone);
        }
        if (once(haltAt, "halt"))
            tell(engine::OperatorActed{engine::Act::Halt, "ann", "", "", now});
        if (once(goneAt, "gone") && m_listener.link)
            m_listener.link(false, "its process ended (signal 9)");
        if (now % 100'000 == 0 && m_listener.window && !m_done.contains("gone"))
            windows(now);
    }

    void windows(std::int64_t end)
    {
        engine::Window agent{"agent", end, {{"host.stall.max", 0}}, {}};
        m_listener.window(std::move(agent));
        const double t = static_cast<double>((end - load.start.count())) / 1e6;
        if (silentAt >= 0 && t > silentAt && t <= silentAt + 1)
            return;
        const bool on = m_loading && t > 1e-9;
        double failed = 0, slow = 0;
        // While the broken replica is asked, a third of the requests waits for a time-out.
        const bool asked = m_on && (!switches.ejection || end - m_struckAt <= 300'000);
        if (asked)
            (switches.retry ? slow : failed) = 7;
        if (alarmAt >= 0 && t > alarmAt && t <= alarmAt + 3)
            slow = 7;
        if (failAll >= 0 && t > failAll)
            failed = 20;
        const double n = on ? 20 : 0;
        engine::Window traffic{"traffic",
                               end,
                               {{"gateway.requests", n},
                                {"gateway.answered", n},
                                {"gateway.failed", on ? failed : 0},
                                {"gateway.late", 0},
                                {"gateway.slow.60", on ? slow : 0},
                                {"gateway.earned", on && failed < 1 ? 8.0 : 0},
                                {"gateway.expected", on ? 8.0 : 0},
                                {"gateway.path.primary", n},
                                {"gateway.latency.p99", slow > 0 ? 140.0 : 20},
                                {"traffic.lag.p99", 0.4}},
                               {}};
        m_listener.window(std::move(traffic));
    }

    ScriptClock &m_clock;
    engine::ClusterListener m_listener;
    engine::FaultSpec m_fault;
    bool m_loading = false, m_on = false, m_struck = false;
    std::int64_t m_struckAt = 0;
    std::set<std::string> m_done;
};

/// Keeps what a run recorded and folds it as a recording is folded.
class KeptRun : public engine::RunSink
{
public:
    explicit KeptRun(const engine::Clock &clock) : m_clock(clock) {}
    void append(engine::Payload payload) override
    {
        if (const auto *started = std::get_if<engine::RunStarted>(&payload))
            start = started->start;
        events.push_back({events.size() + 1, m_clock.now().count() - start, std::move(payload)});
    }
    void append(engine::Window window) override
    {
        auto &row = rows[window.end - start];
        for (const auto &sample : window.samples)
            row[sample.series] = sample.value;
    }
    void attach(std::string name, engine::Bytes data) override
    {
        attached[std::move(name)] = std::move(data);
    }

    [[nodiscard]] engine::Verdict verdict() const
    {
        static const std::vector<std::string> names{
            "gateway.requests", "gateway.answered",    "gateway.failed",      "gateway.late",
            "gateway.slow.60",  "gateway.earned",      "gateway.expected",    "traffic.lag.p99",
            "host.stall.max",   "gateway.latency.p99", "gateway.path.primary"};
        engine::Judge judge;
        std::size_t next = 0;
        for (const auto &[t, row] : rows) {
            for (; next < events.size() && events[next].t <= t; ++next)
                judge.apply(events[next]);
            std::vector<float> values;
            for (const auto &name : names) {
                const auto it = row.find(name);
                values.push_back(it == row.end() ? std::numeric_limits<float>::quiet_NaN()
                                                 : static_cast<float>(it->second));
            }
            judge.apply(engine::RowView{t, names, values});
        }
        for (; next < events.size(); ++next)
            judge.apply(events[next]);
        return judge.verdict();
    }

    std::int64_t start = 0;
    std::vector<engine::Event> events;
    std::map<std::int64_t, std::map<std::string, double>> rows;
    std::map<std::string, engine::Bytes> attached;

private:
    const engine::Clock &m_clock;
};

} // namespace testing_support
