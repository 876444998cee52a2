#include "engine/drill/drill_runner.h"

#include "engine/drill/attached_targets.h"
#include "engine/drill/drill_values.h"
#include "engine/drill/known_faults.h"
#include "engine/drill/monitor.h"
#include "engine/drill/targets.h"
#include "engine/drill/tree.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

namespace engine {
namespace {

/// Nodes and the recorder need so long to hear of a start before it comes.
constexpr Micros kLeadIn{700'000};
constexpr Micros kTick{50'000};
constexpr Micros kUndoWithin{15'000'000};
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
    DR_RETURN_IF_ERROR(applySafeguards());
    DR_RETURN_IF_ERROR(prepareFaults());

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
        if (each == "verification" && !m_settings.unsafe)
            return fail(ErrorCode::Usage, "`--without verification` serves models that nobody "
                                          "vouches for; say --unsafe too, on a synthetic shop");
        bool known = m_switches.set(each, false) | m_safeguards.set(each, false);
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

Result<> DrillRunner::applySafeguards()
{
    auto *keeper = dynamic_cast<ShopKeeper *>(&m_cluster);
    if (keeper) {
        if (m_safeguards != Safeguards{})
            say("starting the shop's processes anew without " + joined(m_switchedOff));
        return keeper->setSafeguards(m_safeguards);
    }
    if (m_safeguards == Safeguards{})
        return {};
    return fail(ErrorCode::Usage, "This shop cannot go without its safeguards");
}

Result<> DrillRunner::prepareFaults()
{
    auto *keeper = dynamic_cast<ShopKeeper *>(&m_cluster);
    for (const auto &step : m_drill.method) {
        if (!keeper)
            return {};
        say(fmt::format("preparing {}", step.name));
        DR_RETURN_IF_ERROR(
            keeper->prepareFault({0, step.name, step.fault, step.target, step.settings,
                                  step.duration, step.overrideLastHealthy, m_settings.seed}));
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
    if (!shop || shop->state != "up") {
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
    for (const auto &[name, share] : m_drill.load.mix)
        if (share > 0 && !std::count(shop->applications.begin(), shop->applications.end(), name))
            return fail(ErrorCode::InvalidInput,
                        fmt::format("{:.3g} % of the drill's load asks for {}; the shop {} serves "
                                    "{} alone. Make one with `drillctl shop create NAME "
                                    "--applications recommend,{}`.",
                                    100 * share, name, shop->name, joined(shop->applications),
                                    name),
                        m_drill.sourcePath);
    std::set<std::string> attached;
    for (const auto &process : shop->processes)
        if (process.attached)
            attached.insert(process.name);
    if (const auto steps = unreachableSteps(m_drill, attached); !steps.empty())
        return fail(ErrorCode::Unavailable, steps.front().why,
                    placeText(m_drill.sourcePath, steps.front().step->place));
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
               && (isAwaited(ending.reason) || m_clock.now() < rows)) {
            (void)m_clock.waitUntil(m_clock.now() + kTick, {});
            drain();
        }
        (void)m_cluster.stopLoad();
        drain();
    }
    {
        const std::lock_guard lock(m_mutex);
        m_recording = false;
    }
    drain();
    append(RunEnded{ending.reason, ending.detail, m_clock.now().count()});
    // Only now: a restart that was switched off for the run brings back what the run killed.
    if (!m_agentGone)
        (void)m_cluster.setSwitches(Switches{});
    auto *keeper = dynamic_cast<ShopKeeper *>(&m_cluster);
    if (!m_agentGone && keeper && m_safeguards != Safeguards{})
        (void)keeper->setSafeguards({});
    say("finished");
}

bool DrillRunner::isAwaited(EndReason reason) const
{
    const bool anybodyRestarts =
        m_switches.restart
        || std::any_of(m_responses.begin(), m_responses.end(),
                       [](const Response &response) { return !response.isOff; });
    return std::any_of(m_steps.begin(), m_steps.end(), [&](const Step &step) {
        if (!step.applied || step.ended)
            return false;
        const auto *fault = knownFault(step.what.fault);
        const bool isKill = fault && !fault->lasts;
        return !isKill || (reason == EndReason::Completed && anybodyRestarts);
    });
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
