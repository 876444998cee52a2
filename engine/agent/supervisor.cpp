// The part of Shop that watches its processes: starts, ends, restarts, signs of life.

#include "engine/agent/shop.h"

#include "engine/fault/probe.h"

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <spdlog/spdlog.h>

namespace engine {
namespace {

constexpr Micros kFirstBackOff{300'000}, kLongestBackOff{5'000'000}, kHealthyAfter{30'000'000};
constexpr Micros kProbeEvery{500'000}, kProbeUnattended{2'000'000}, kProbeLimit{300'000};
constexpr Micros kUnattendedWindow{1'000'000}, kUnattendedAfter{5'000'000};
constexpr int kLook = 20, kUnattendedLook = 150; // ms
constexpr int kMissesUntilFrozen = 3;

/// The last line that the process wrote, for the operator.
std::string lastLine(const std::string &log)
{
    std::ifstream file(log, std::ios::binary | std::ios::ate);
    if (!file)
        return {};
    const auto size = static_cast<std::int64_t>(file.tellg());
    file.seekg(std::max<std::int64_t>(0, size - 2000));
    std::string line, last;
    while (std::getline(file, line))
        if (!line.empty())
            last = line;
    return last;
}

} // namespace

void Shop::supervise(const std::stop_token &stop)
{
    while (!stop.stop_requested()) {
        const auto report = m_launcher.read(m_attended ? kLook : kUnattendedLook);
        const std::lock_guard lock(m_mutex);
        const auto isTraining = [](const auto &each) { return each.target == Trainer::kTarget; };
        if (report && std::visit(isTraining, *report)) {
            if (const auto *started = std::get_if<ProcessStarted>(&*report))
                m_trainer.started(*started);
            else
                m_trainer.ended(std::get<ProcessEnded>(*report));
        } else if (report) {
            if (const auto *started = std::get_if<ProcessStarted>(&*report))
                onStarted(*started);
            else
                onEnded(std::get<ProcessEnded>(*report));
            m_changed.notify_all();
        }
        if (m_launcher.isGone()) {
            m_wanted = false;
            m_trainer.ended({Trainer::kTarget, 0, "the launcher ended"});
            for (auto &process : m_processes)
                if (process.id.pid != 0 || process.isAskedFor)
                    onEnded({process.plan.target, process.id.pid, "the launcher ended"});
            m_clock.waitUntil(m_clock.now() + Micros{20'000}, stop);
        }
        startDue();
        attend();
        if (m_forget.exchange(false))
            resetAfterController();
        finishIfEnded();
    }
}

void Shop::attend()
{
    const auto now = m_clock.now();
    if (m_watchers > 0 || m_loaded || m_state != State::Up)
        m_attendedAt = now;
    m_attended = now < m_attendedAt + kUnattendedAfter;
    const auto window = m_attended ? kWindow : kUnattendedWindow;
    for (auto &process : m_processes) {
        if (process.window == window || !process.line)
            continue;
        process.line->tellWindow(window);
        process.window = window;
    }
}

// A shop that stays must not stay loaded or crippled by a run that is over.
void Shop::resetAfterController()
{
    if (const auto configured = configure({}); !configured)
        spdlog::error("safeguards error=\"{}\"", configured.error().text());
    m_retraining.cancel();
    m_trainer.cancel();
    m_switches = {};
    m_loaded = false;
    if (const auto *traffic = find("traffic"); traffic && traffic->line)
        traffic->line->tellStopLoad();
    if (const auto *gateway = find("gateway"); gateway && gateway->line)
        gateway->line->tellSwitches(m_switches);
    // Nor wait out what the faults of that run made the supervisor back off.
    for (auto &process : m_processes) {
        process.backOff = Micros{0};
        if (process.state == ProcessState::Down && !process.plan.attachedAt)
            process.startAt = m_clock.now();
    }
}

void Shop::onStarted(const ProcessStarted &report)
{
    if (!m_wanted)
        m_launcher.killAll(); // it was on its way while the shop was ended
    auto *process = find(report.target);
    if (!process)
        return;
    process->id = report.id;
    process->isAskedFor = false;
    change(*process, process->state, process->detail);
}

void Shop::onEnded(const ProcessEnded &report)
{
    auto *process = find(report.target);
    if (!process || process->id.pid != report.pid)
        return;
    for (const auto &edge : process->plan.edges)
        edge->setUpstream(0);
    if (process->servingSince.count() != 0 && m_clock.now() - process->servingSince > kHealthyAfter)
        process->backOff = Micros{0};
    process->id = {};
    process->isAskedFor = false;
    process->port = 0;
    process->line = nullptr;
    process->servingSince = MonoTime{0};
    if (!m_wanted) {
        process->startAt.reset();
        change(*process, ProcessState::Stopped, report.how);
        return;
    }
    change(*process, ProcessState::Down, report.how);
    if (m_state == State::Starting) {
        m_failure = fmt::format("{} ended while it started ({}): {}", process->plan.target,
                                report.how, lastLine(process->plan.log));
        return;
    }
    if (!process->restartedBy.empty() && process->startAt)
        return; // asked for: at once
    process->restartedBy.clear();
    if (!m_switches.restart)
        return;
    process->backOff = process->backOff.count() == 0
                           ? kFirstBackOff
                           : std::min(kLongestBackOff, 2 * process->backOff);
    process->startAt = m_clock.now() + process->backOff;
}

void Shop::startDue()
{
    if (!m_wanted)
        return;
    for (auto &process : m_processes) {
        if (!process.startAt || process.id.pid != 0 || process.isAskedFor
            || m_clock.now() < *process.startAt)
            continue;
        if (process.restartedBy.empty())
            process.restartedBy = "supervisor";
        ++process.restarts;
        respond(process, process.restartedBy, true);
        start(process);
    }
    if (!m_wanted)
        m_launcher.killAll();
}

void Shop::look(Process &process, bool answers)
{
    constexpr int kMissesUntilDown = 3;
    process.missedProbes = answers ? 0 : process.missedProbes + 1;
    if (answers && process.state != ProcessState::Serving)
        change(process, ProcessState::Serving, "attached");
    else if (process.missedProbes == kMissesUntilDown)
        change(process, ProcessState::Down, "does not answer at " + process.plan.attachedAddress);
}

void Shop::start(Process &process)
{
    process.startAt.reset();
    if (process.plan.attachedAt) {
        for (const auto &edge : process.plan.edges)
            edge->setUpstream(*process.plan.attachedAt);
        change(process, ProcessState::Starting, "");
        return;
    }
    process.isAskedFor = true;
    change(process, process.restarts ? ProcessState::Restarting : ProcessState::Starting, "");
    auto argv = process.plan.argv;
    argv.insert(argv.end(), process.once.begin(), process.once.end());
    process.once.clear();
    if (const auto sent = m_launcher.start(process.plan.target, argv, process.plan.log); !sent)
        onEnded({process.plan.target, 0, sent.error().text()});
}

void Shop::change(Process &process, ProcessState state, const std::string &detail)
{
    process.state = state;
    process.detail = detail;
    ProcessChanged event;
    event.target = process.plan.target;
    event.role = process.plan.role;
    event.address =
        process.port ? fmt::format("127.0.0.1:{}", process.port) : process.plan.attachedAddress;
    event.model = process.model;
    event.version = process.version;
    event.digest = process.digest;
    event.detail = detail;
    event.state = state;
    event.pid = process.id.pid;
    event.restarts = process.restarts;
    event.at = m_clock.now().count();
    m_hub.publish(Payload{std::move(event)});
    m_changed.notify_all();
}

void Shop::respond(const Process &process, const std::string &by, bool active)
{
    ResponseChanged event;
    event.kind = "restart";
    event.target = process.plan.target;
    event.by = by;
    event.detail = active ? fmt::format("restart {} after {:.1f} s", process.restarts,
                                        static_cast<double>(process.backOff.count()) / 1e6)
                          : "serves again";
    event.active = active;
    event.at = m_clock.now().count();
    m_hub.publish(Payload{std::move(event)});
}

void Shop::finishIfEnded()
{
    if (m_wanted || m_state == State::Down || m_state == State::Starting)
        return;
    const bool ended = std::all_of(m_processes.begin(), m_processes.end(), [](const auto &process) {
        return process.id.pid == 0 && !process.isAskedFor;
    });
    if (!ended)
        return;
    m_proxy.clear();
    m_processes.clear();
    m_golden.end();
    m_stays = false;
    m_state = State::Down;
    m_changed.notify_all();
}

// A process that hangs still accepts connections and holds its stream: only an answer tells.
void Shop::monitor(const std::stop_token &stop)
{
    struct Look
    {
        std::string target;
        ProcessId id;
        HostPort at;
    };
    auto next = m_clock.now(), last = MonoTime{0};
    while (m_clock.waitUntil(next, stop)) {
        const auto now = m_clock.now();
        next = now + kProbeEvery;
        if (!m_attended && now < last + kProbeUnattended)
            continue;
        last = now;
        std::vector<Look> looks;
        {
            const std::lock_guard lock(m_mutex);
            for (const auto &process : m_processes)
                if (process.plan.attachedAt)
                    looks.push_back({process.plan.target, process.id, *process.plan.attachedAt});
                else if (process.port != 0
                         && (process.state == ProcessState::Serving
                             || process.state == ProcessState::Frozen))
                    looks.push_back({process.plan.target, process.id, HostPort{process.port}});
        }
        for (const auto &look : looks) {
            const bool answers = answersHttp2(m_clock, look.at, kProbeLimit);
            const std::lock_guard lock(m_mutex);
            auto *process = find(look.target);
            if (!process || process->id != look.id)
                continue;
            if (process->plan.attachedAt) {
                this->look(*process, answers);
                continue;
            }
            process->missedProbes = answers ? 0 : process->missedProbes + 1;
            if (process->missedProbes == kMissesUntilFrozen
                && process->state == ProcessState::Serving)
                change(*process, ProcessState::Frozen, "does not answer");
            else if (answers && process->state == ProcessState::Frozen)
                change(*process, ProcessState::Serving, "answers again");
        }
    }
}

} // namespace engine
