// The part of Shop that faults are given: what may be broken, where it is, and what it answers.

#include "engine/agent/asking.h"
#include "engine/agent/shop.h"

#include <algorithm>
#include <fmt/format.h>

namespace engine {
namespace {

constexpr Micros kAsk{500'000};

} // namespace

Result<> Shop::mayTouch(const std::string &target) const
{
    const std::lock_guard lock(m_mutex);
    const auto *process = find(target); // an edge is no process
    if (!process || !process->plan.attachedAt)
        return {};
    return fail(ErrorCode::Unavailable,
                fmt::format("{0} is attached at {1}, not a process of this shop: faults on it go "
                            "by the wire alone, as in network.cut of gateway->{0}",
                            target, process->plan.attachedAddress));
}

Result<> Shop::mayBreak(const std::string &target, const std::set<std::string> &broken) const
{
    const auto hit = processOf(target);
    const std::lock_guard lock(m_mutex);
    if (hit == "shop")
        return fail(ErrorCode::InvalidInput,
                    "shop means every replica, the last healthy one too; a "
                    "drill that means it says override: last-healthy");
    const auto isReplica = [](const Process &process) {
        return process.plan.target.starts_with("replica/");
    };
    if (!hit.starts_with("replica/") || !find(hit))
        return {}; // a target that does not exist is refused by the fault itself
    int all = 0, healthyOthers = 0;
    for (const auto &process : m_processes) {
        if (!isReplica(process))
            continue;
        ++all;
        healthyOthers += process.plan.target != hit && !broken.contains(process.plan.target)
                         && !broken.contains("shop") && process.state == ProcessState::Serving;
    }
    if (healthyOthers == 0)
        return fail(ErrorCode::InvalidInput,
                    target
                        + " is the last healthy replica; a drill that means it says "
                          "override: last-healthy");
    if (2 * (all - healthyOthers) > all)
        return fail(ErrorCode::InvalidInput,
                    fmt::format("With {} more than half of the {} replicas would be unhealthy; a "
                                "drill that means it says override: last-healthy",
                                target, all));
    return {};
}

std::optional<TargetProcess> Shop::process(const std::string &target) const
{
    const std::lock_guard lock(m_mutex);
    const auto *process = find(target);
    if (!process || process->id.pid == 0 || process->state == ProcessState::Down)
        return {};
    return TargetProcess{process->id, process->port};
}

std::shared_ptr<ProxyEdge> Shop::edge(const std::string &name) const
{
    return m_proxy.edge(name);
}

bool Shop::answersCorrectly(const std::string &target)
{
    std::uint16_t port = 0;
    std::string role, digest;
    std::uint32_t items = 0;
    {
        std::unique_lock lock(m_mutex);
        const auto *process = find(target);
        if (process && process->plan.attachedAt) {
            const auto address = process->plan.attachedAddress;
            const auto dialect = *m_plan.dialect;
            items = m_plan.items;
            lock.unlock();
            return askModel(address, dialect, items, kAsk).correct;
        }
        if (!process || !process->line)
            return false;
        port = process->port;
        role = process->plan.role;
        digest = process->digest;
        items = m_plan.items;
    }
    if (role == "traffic")
        return true; // it serves nobody; being connected is all it can show
    if (role == "store")
        return askStore(port, kAsk);
    const auto answer = askModel(port, items, kAsk);
    return answer.correct && (role == "gateway" || answer.digest == digest);
}

std::optional<AskedModel> Shop::ask(const std::string &target, Micros limit)
{
    std::uint16_t port = 0;
    std::uint32_t items = 0;
    {
        const std::lock_guard lock(m_mutex);
        const auto *process = find(target);
        if (!process || !process->line || process->model.empty())
            return {};
        port = process->port;
        items = m_plan.items;
    }
    const auto from = m_clock.now();
    const auto answer = askModel(port, items, limit);
    return AskedModel{answer.correct, answer.status, m_clock.now() - from, answer.digest};
}

CallTeller Shop::callFaults(const std::string &target)
{
    const std::lock_guard lock(m_mutex);
    const auto *process = find(target);
    if (!process || !process->line || process->model.empty())
        return {};
    const std::weak_ptr<NodeLine> to = process->line;
    return [to](const CallFault &fault) {
        const auto line = to.lock();
        if (line)
            line->tellCallFault(fault);
        return line != nullptr;
    };
}

std::filesystem::path Shop::dataFile(const std::string &target) const
{
    const std::lock_guard lock(m_mutex);
    const auto *process = find(target);
    return process && process->plan.role == "store" ? m_plan.folder / "store.db"
                                                    : std::filesystem::path();
}

std::filesystem::path Shop::modelFile(const std::string &target) const
{
    const std::lock_guard lock(m_mutex);
    const auto *process = find(target);
    return process && !process->plan.package.empty() ? process->plan.package / "weights.safetensors"
                                                     : std::filesystem::path();
}

std::filesystem::path Shop::shopFolder() const
{
    const std::lock_guard lock(m_mutex);
    return m_state == State::Up ? m_plan.folder : std::filesystem::path();
}

std::vector<std::string> Shop::replicas() const
{
    const std::lock_guard lock(m_mutex);
    std::vector<std::string> targets;
    for (const auto &process : m_processes)
        if (process.plan.role == "replica")
            targets.push_back(process.plan.target);
    return targets;
}

std::vector<Sample> Shop::upSamples() const
{
    const std::lock_guard lock(m_mutex);
    std::vector<Sample> samples;
    for (const auto &process : m_processes)
        samples.push_back(
            {process.plan.target + ".up", process.state == ProcessState::Serving ? 1.0 : 0.0});
    return samples;
}

} // namespace engine
