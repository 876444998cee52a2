#include "engine/drill/drill_runner.h"

#include "engine/drill/drill_values.h"
#include "engine/drill/monitor.h"
#include "engine/drill/targets.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

namespace engine {
namespace {

/// Nodes and the recorder need so long to hear of a start before it comes.
constexpr Micros kLeadIn{700'000};
constexpr Micros kTick{50'000};
constexpr Micros kTell{200'000};
constexpr Micros kExtra{30'000'000};
constexpr Micros kUndoWithin{15'000'000};
/// The agent says Unconfirmed after 2 s; without any word the runner says it a little later.
constexpr Micros kConfirmPatience{3'500'000};
/// The last rows of the load still have to arrive.
constexpr Micros kLastRows{600'000};
constexpr std::size_t kMostInbox = 100'000;

ProcessState stateOf(std::string_view text)
{
    for (const auto state : {ProcessState::Starting, ProcessState::Serving, ProcessState::Degraded,
                             ProcessState::Frozen, ProcessState::Down, ProcessState::Restarting,
                             ProcessState::Stopped})
        if (name(state) == text)
            return state;
    return ProcessState::Serving;
}

ProcessChanged announce(const ProcessStatus &status, std::int64_t at)
{
    ProcessChanged change;
    change.target = status.name;
    change.role = status.role;
    change.address = status.address;
    change.model = status.model;
    change.version = status.version;
    change.digest = status.digest;
    change.state = stateOf(status.state);
    change.pid = status.pid;
    change.restarts = status.restarts;
    change.at = at;
    return change;
}

std::string joined(const std::vector<std::string> &names)
{
    std::string text;
    for (const auto &each : names)
        text += (text.empty() ? "" : ", ") + each;
    return text;
}

} // namespace

DrillRunner::DrillRunner(Cluster &cluster, RunSink &sink, const Clock &clock, Drill drill,
                         RunSettings settings, std::function<void(const RunNews &)> progress)
    : m_cluster(cluster), m_sink(sink), m_clock(clock), m_drill(std::move(drill)),
      m_settings(std::move(settings)), m_progress(std::move(progress))
{
}

DrillRunner::~DrillRunner()
{
    m_thread.request_stop();
}

void DrillRunner::start()
{
    m_thread = std::jthread([this](std::stop_token stop) { m_result = run(stop); });
}

Result<> DrillRunner::wait()
{
    if (m_thread.joinable())
        m_thread.join();
    return m_result;
}

void DrillRunner::abort(std::string why)
{
    const std::lock_guard lock(m_mutex);
    if (!m_abort)
        m_abort = std::move(why);
}

Result<> DrillRunner::run(std::stop_token stop)
{
    struct Finish
    {
        DrillRunner &runner;
        ~Finish()
        {
            runner.m_cluster.listen({});
            runner.m_finished = true;
        }
    } finish{*this};
    DR_RETURN_IF_ERROR(readSwitches());
    m_cluster.listen({[this](Payload payload) {
                          const std::lock_guard lock(m_mutex);
                          if (m_recording && m_inbox.size() < kMostInbox)
                              m_inbox.push_back({std::move(payload), {}, {}});
                          else if (auto *process = std::get_if<ProcessChanged>(&payload))
                              m_announced[process->target] = std::move(*process);
                      },
                      [this](Window window) {
                          const std::lock_guard lock(m_mutex);
                          if (m_recording && m_inbox.size() < kMostInbox)
                              m_inbox.push_back({{}, std::move(window), {}});
                      },
                      [this](bool up, std::string why) {
                          const std::lock_guard lock(m_mutex);
                          if (!up)
                              m_inbox.push_back({{}, {}, std::move(why)});
                      }});
    say("checking the shop");
    DR_RETURN_IF_ERROR(checkFaults());
    const auto shop = prepareShop();
    DR_RETURN_IF_ERROR(shop);
    if (stop.stop_requested())
        return fail(ErrorCode::Unavailable, "The run was stopped before it began.");
    DR_RETURN_IF_ERROR(m_cluster.setSwitches(m_switches));

    begin(*shop);
    LoadSpec load{m_drill.load, m_settings.seed, m_start, latencyLimits()};
    if (const auto started = m_cluster.startLoad(load); !started) {
        const bool isHalted = started.error().code == ErrorCode::Halted;
        end({isHalted ? EndReason::Aborted : EndReason::Errored,
             "Load did not start: " + started.error().message});
        return {};
    }
    setPhase(Phase::Preparing);
    for (;;) {
        if (const auto ending = tick(stop)) {
            end(*ending);
            return {};
        }
        // A stop is seen by the next tick, which ends the run in order.
        (void)m_clock.waitUntil(nextWake(), stop);
    }
}

Result<> DrillRunner::readSwitches()
{
    std::vector<std::string> names;
    for (const auto &each : m_settings.without) {
        if (each != "key") {
            names.push_back(each);
            continue;
        }
        if (m_drill.keyResponse.empty())
            return fail(ErrorCode::Usage, "`--without key`: this drill names no `key-response`.");
        names.insert(names.end(), m_drill.keyResponse.begin(), m_drill.keyResponse.end());
    }
    for (const auto &step : m_drill.responses)
        m_responses.push_back({step, {}, false, false});
    for (const auto &each : names) {
        bool known = m_switches.set(each, false);
        for (auto &response : m_responses) {
            if (response.what.name != each)
                continue;
            known = true;
            response.isOff = true;
            // What the supervisor or the gateway does by itself is switched off there.
            if (response.what.by != "drill")
                (void)m_switches.set(response.what.verb, false);
        }
        if (!known) {
            auto all = switchableResponses();
            for (const auto &response : m_responses)
                all.push_back(response.what.name);
            return fail(ErrorCode::Usage,
                        fmt::format("`--without {}`: there is no such response{}; there are {}, "
                                    "and `key` for {}.",
                                    each, hint(each, all), joined(all),
                                    joined(m_drill.keyResponse)));
        }
        if (std::find(m_switchedOff.begin(), m_switchedOff.end(), each) == m_switchedOff.end())
            m_switchedOff.push_back(each);
    }
    return {};
}

Result<> DrillRunner::checkFaults()
{
    const auto can = m_cluster.capabilities();
    DR_RETURN_IF_ERROR(can);
    for (const auto &step : m_drill.method) {
        const auto &faults = can->faults;
        if (std::find(faults.begin(), faults.end(), step.fault) != faults.end())
            continue;
        const auto why = can->missing.find(step.fault);
        return fail(
            ErrorCode::Unavailable,
            fmt::format("The fault {} cannot be applied here: {}. `drillctl doctor` says "
                        "what this workstation can do.",
                        step.fault,
                        why == can->missing.end() ? "this shop does not know it" : why->second),
            m_drill.sourcePath);
    }
    return {};
}

Result<ShopStatus> DrillRunner::prepareShop()
{
    auto shop = m_cluster.shopStatus();
    if (!shop && shop.error().code != ErrorCode::NotFound)
        return shop;
    const auto &need = m_drill.shop;
    if (!shop || shop->state == "down" || shop->state.empty()) {
        say(fmt::format("starting the shop {}", m_settings.shop));
        shop =
            m_cluster.shopUp({m_settings.shop, need.replicas, need.standby, m_settings.shopStays});
        if (!shop)
            return shop;
    }
    std::string differs;
    const auto differ = [&differs](std::string_view what, const auto &has, const auto &wants) {
        if (has != wants)
            differs += fmt::format("{}{} is {}, the drill needs {}", differs.empty() ? "" : "; ",
                                   what, has, wants);
    };
    differ("application", shop->application, need.application);
    differ("replicas", shop->replicas, need.replicas);
    differ("standby", shop->standby, need.standby);
    if (!m_settings.shop.empty())
        differ("the shop's name", shop->name, m_settings.shop);
    if (!differs.empty())
        return fail(ErrorCode::InvalidInput,
                    fmt::format("The running shop {} differs from the drill's: {}. Stop it with "
                                "`drillctl shop down {}` and run again.",
                                shop->name, differs, shop->name),
                    m_drill.sourcePath);
    return shop;
}

void DrillRunner::begin(const ShopStatus &shop)
{
    const auto now = m_clock.now();
    m_start = alignUp(now + kLeadIn);
    m_monitor = std::make_unique<Monitor>(m_start);
    for (const auto &guard : m_drill.guards)
        m_guards.push_back(m_monitor->watch(guard.series, guard.rule, guard.forTime));
    for (auto &response : m_responses)
        if (!response.what.whenSeries.empty())
            response.watch = m_monitor->watch(response.what.whenSeries, response.what.whenRule,
                                              response.what.whenFor);
    std::uint32_t id = 0;
    for (const auto &step : m_drill.method) {
        m_steps.emplace_back();
        m_steps.back().what = step;
        m_steps.back().id = ++id;
    }

    RunStarted started;
    started.runId = m_settings.runId;
    started.drill = toCanonicalJson(m_drill);
    started.drillHash = drillHash(m_drill);
    started.shop = shop.name;
    started.application = shop.application;
    started.build = m_settings.build;
    started.seed = m_settings.seed;
    started.synthetic = shop.synthetic;
    started.wall = m_clock.wallMicros() + (m_start - now).count();
    started.start = m_start.count();
    started.reference = shop.reference;
    started.switchedOff = m_switchedOff;
    append(std::move(started));
    const auto &text = m_drill.sourceText;
    if (!text.empty())
        m_sink.attach("drill", Bytes(text.begin(), text.end()));

    std::map<std::string, ProcessChanged> processes;
    for (const auto &process : shop.processes)
        processes[process.name] = announce(process, now.count());
    {
        const std::lock_guard lock(m_mutex);
        for (const auto &[target, change] : m_announced)
            processes[target] = change;
        m_recording = true;
    }
    for (auto &[target, change] : processes) {
        m_processes[target] = change.state;
        append(std::move(change));
    }
}

std::vector<double> DrillRunner::latencyLimits() const
{
    std::vector<double> limits;
    const auto add = [&limits](const std::string &series, const Rule &rule) {
        if (gatewayPercentile(series))
            limits.push_back(rule.value);
    };
    for (const auto &indicator : m_drill.steadyState)
        add(indicator.series, indicator.rule);
    for (const auto &indicator : m_drill.verdict.series)
        add(indicator.series, indicator.rule);
    for (const auto &guard : m_drill.guards)
        add(guard.series, guard.rule);
    for (const auto &response : m_drill.responses)
        add(response.whenSeries, response.whenRule);
    std::sort(limits.begin(), limits.end());
    limits.erase(std::unique(limits.begin(), limits.end()), limits.end());
    return limits;
}

Micros DrillRunner::sinceStart() const
{
    return m_clock.now() - m_start;
}

MonoTime DrillRunner::nextWake() const
{
    const auto now = m_clock.now();
    auto next = now + kTick;
    for (const auto &step : m_steps) {
        if (!step.tried)
            next = std::min(next, std::max(now, m_start + step.what.at));
        else if (step.applied && step.what.duration && !step.undoAsked && !step.ended)
            next = std::min(next, std::max(now, MonoTime{*step.applied} + *step.what.duration));
    }
    return next;
}

std::optional<DrillRunner::Ending> DrillRunner::tick(std::stop_token stop)
{
    drain();
    m_monitor->advance(m_clock.now());
    if (m_agentGone)
        return Ending{EndReason::Errored, "The agent is gone: " + *m_agentGone};
    if (m_halted)
        return Ending{EndReason::Aborted, "The emergency stop was pulled"};
    {
        const std::lock_guard lock(m_mutex);
        if (m_abort)
            return Ending{EndReason::Aborted, *m_abort};
    }
    if (stop.stop_requested())
        return Ending{EndReason::Aborted, "The run was stopped by its controller"};

    const auto t = sinceStart();
    if (m_phase == Phase::Preparing && t >= Micros{0})
        setPhase(Phase::WarmUp);
    if (m_phase == Phase::WarmUp && t >= m_drill.load.warmUp)
        setPhase(Phase::Steady);
    watchAlerts();
    for (std::size_t i = 0; i < m_guards.size(); ++i) {
        if (!m_monitor->isTripped(m_guards[i]))
            continue;
        append(GuardTripped{m_drill.guards[i].text, m_clock.now().count()});
        // Undone first of all, by the shortest way; what it answers changes nothing here.
        (void)m_cluster.halt(false);
        return Ending{EndReason::Aborted, "The guard tripped: " + m_drill.guards[i].text};
    }
    for (auto &step : m_steps) {
        if (!step.tried && t >= step.what.at)
            applyStep(step);
        if (step.refused || step.unconfirmed)
            return Ending{EndReason::Completed, "The fault did not take effect"};
        undoStep(step);
    }
    for (auto &response : m_responses)
        respond(response);
    const bool anyApplied = std::any_of(m_steps.begin(), m_steps.end(),
                                        [](const Step &step) { return step.applied.has_value(); });
    if (anyApplied && !isAllClear())
        setPhase(Phase::Fault);
    else if (anyApplied)
        setPhase(m_monitor->judge().outside().empty() ? Phase::Holding : Phase::Recovery);
    if (m_clock.now() - m_told >= kTell)
        say(m_message);
    if (t >= m_drill.load.length
        && (m_monitor->judge().settled() || t >= m_drill.load.length + kExtra))
        return Ending{};
    return std::nullopt;
}

void DrillRunner::drain()
{
    std::deque<News> news;
    {
        const std::lock_guard lock(m_mutex);
        news.swap(m_inbox);
    }
    for (auto &each : news) {
        if (each.event) {
            see(*each.event);
            m_monitor->apply(*each.event, m_clock.now());
            m_sink.append(std::move(*each.event));
        } else if (each.window) {
            m_monitor->apply(*each.window);
            m_sink.append(std::move(*each.window));
        } else if (each.gone) {
            m_agentGone = each.gone;
            append(LinkChanged{"agent", *each.gone, false, 0, m_clock.now().count()});
        }
    }
}

void DrillRunner::see(const Payload &payload)
{
    if (const auto *process = std::get_if<ProcessChanged>(&payload)) {
        m_processes[process->target] = process->state;
    } else if (const auto *act = std::get_if<OperatorActed>(&payload)) {
        m_halted = m_halted || act->act == Act::Halt;
    } else if (const auto *fault = std::get_if<FaultChanged>(&payload)) {
        const auto it = std::find_if(m_steps.begin(), m_steps.end(),
                                     [&](const Step &step) { return step.id == fault->id; });
        if (it == m_steps.end())
            return;
        switch (fault->state) {
        case FaultState::Applied:
            it->applied = it->applied.value_or(fault->at);
            break;
        case FaultState::Confirmed:
            it->confirmed = true;
            break;
        case FaultState::Unconfirmed:
            it->unconfirmed = true;
            break;
        case FaultState::Refused:
            it->refused = true;
            break;
        case FaultState::Undone:
        case FaultState::UndoFailed:
            it->ended = fault->at;
            break;
        case FaultState::Intended:
        case FaultState::Undoing:
            break;
        }
    }
}

void DrillRunner::applyStep(Step &step)
{
    step.tried = true;
    step.triedAt = m_clock.now().count();
    const auto &what = step.what;
    say(fmt::format("{}: {} on {}", what.name, what.fault, what.target));
    const auto applied =
        m_cluster.applyFault({step.id, what.name, what.fault, what.target, what.settings,
                              what.duration, what.overrideLastHealthy});
    drain();
    if (applied || step.refused)
        return;
    step.refused = true;
    FaultChanged refused;
    refused.id = step.id;
    refused.step = what.name;
    refused.fault = what.fault;
    refused.target = what.target;
    refused.detail = applied.error().message;
    refused.state = FaultState::Refused;
    refused.at = m_clock.now().count();
    append(std::move(refused));
}

void DrillRunner::undoStep(Step &step)
{
    const auto now = m_clock.now();
    if (step.tried && !step.confirmed && !step.unconfirmed
        && now.count() - step.triedAt > kConfirmPatience.count()) {
        step.unconfirmed = true;
        FaultChanged silent;
        silent.id = step.id;
        silent.step = step.what.name;
        silent.fault = step.what.fault;
        silent.target = step.what.target;
        silent.detail = "the agent said nothing of its effect";
        silent.state = FaultState::Unconfirmed;
        silent.at = now.count();
        append(std::move(silent));
    }
    if (!step.applied || step.undoAsked || step.ended || !step.what.duration
        || now.count() < *step.applied + step.what.duration->count())
        return;
    step.undoAsked = true;
    say(fmt::format("undoing {}", step.what.name));
    // The agent undoes it at its own deadline too, and says Undone or UndoFailed: that counts.
    (void)m_cluster.undoFault(step.id);
    drain();
}

void DrillRunner::respond(Response &response)
{
    const auto &what = response.what;
    // The supervisor acts on an exit by itself, and on nothing else unless the drill says so.
    const bool actsAlone =
        what.by == "gateway" || (what.by == "supervisor" && what.whenState == "down");
    if (response.isOff || actsAlone)
        return;
    bool isDue = false;
    if (response.watch) {
        isDue = m_monitor->isTripped(*response.watch);
    } else if (const auto it = m_processes.find(what.whenTarget); it != m_processes.end()) {
        isDue =
            it->second == (what.whenState == "frozen" ? ProcessState::Frozen : ProcessState::Down);
    }
    if (!isDue || response.acted) {
        response.acted = response.acted && isDue;
        return;
    }
    response.acted = true;
    say(fmt::format("{}: {} {}", what.name, what.verb, what.target));
    // The agent says itself that it restarts; only a refusal would go unheard.
    if (const auto done = m_cluster.restart(what.target); !done)
        append(ResponseChanged{what.verb, what.target, "drill", done.error().message, false,
                               m_clock.now().count()});
    drain();
}

void DrillRunner::watchAlerts()
{
    const auto &judge = m_monitor->judge();
    auto outside = judge.outside();
    const auto change = [&](const std::string &indicator, bool firing) {
        AlertChanged alert;
        alert.indicator = indicator;
        alert.firing = firing;
        const double reading = judge.reading(indicator);
        alert.value = std::isnan(reading) ? 0 : reading;
        alert.at = m_clock.now().count();
        for (const auto &each : m_drill.steadyState)
            if (each.name == indicator)
                alert.rule = each.rule.text();
        append(std::move(alert));
    };
    const auto has = [](const auto &list, const std::string &each) {
        return std::find(list.begin(), list.end(), each) != list.end();
    };
    for (const auto &indicator : outside)
        if (!has(m_firing, indicator))
            change(indicator, true);
    for (const auto &indicator : m_firing)
        if (!has(outside, indicator))
            change(indicator, false);
    m_firing = std::move(outside);
}

bool DrillRunner::isAllClear() const
{
    return std::all_of(m_steps.begin(), m_steps.end(),
                       [](const Step &step) { return !step.applied || step.ended.has_value(); });
}

void DrillRunner::end(const Ending &ending)
{
    const auto now = m_clock.now();
    append(PhaseChanged{Phase::Finished, now.count()});
    m_phase = Phase::Finished;
    if (!m_agentGone) {
        say("undoing what is left");
        // An undo that fails is told by its own event, with the command to run by hand.
        (void)m_cluster.undoAll();
        drain();
        const auto patience = now + kUndoWithin;
        const auto rows = now + kLastRows;
        while (!m_agentGone && m_clock.now() < patience
               && (!isAllClear() || m_clock.now() < rows)) {
            (void)m_clock.waitUntil(m_clock.now() + kTick, {});
            drain();
        }
        (void)m_cluster.stopLoad();
        (void)m_cluster.setSwitches(Switches{});
        drain();
    }
    {
        const std::lock_guard lock(m_mutex);
        m_recording = false;
    }
    drain();
    append(RunEnded{ending.reason, ending.detail, m_clock.now().count()});
    say("finished");
}

void DrillRunner::setPhase(Phase phase)
{
    if (m_phase == phase && phase != Phase::Preparing)
        return;
    m_phase = phase;
    append(PhaseChanged{phase, m_clock.now().count()});
    switch (phase) {
    case Phase::Preparing:
        return say("starting load");
    case Phase::WarmUp:
        return say("warming up");
    case Phase::Steady:
        return say("steady");
    case Phase::Fault:
        return say("the fault is on");
    case Phase::Recovery:
        return say("recovering");
    case Phase::Holding:
        return say("holding");
    case Phase::Finished:
        return;
    }
}

void DrillRunner::append(Payload payload)
{
    m_monitor->apply(payload, m_clock.now());
    m_sink.append(std::move(payload));
}

void DrillRunner::say(std::string message)
{
    m_message = std::move(message);
    m_told = m_clock.now();
    if (!m_progress)
        return;
    RunNews news;
    news.phase = m_phase;
    news.message = m_message;
    if (m_monitor) {
        news.t = sinceStart();
        news.outside = m_monitor->judge().outside();
    }
    m_progress(news);
}

Result<Repeated> repeatOnHostNoise(int most, const std::function<Result<Verdict>(int)> &once)
{
    Repeated result;
    for (int attempt = 0;; ++attempt) {
        auto verdict = once(attempt);
        DR_RETURN_IF_ERROR(verdict);
        result.verdict = std::move(*verdict);
        if (!result.verdict.hostNoise || attempt >= most)
            return result;
        ++result.noisy;
    }
}

} // namespace engine
