#include "engine/serving/gateway_queue.h"

#include <algorithm>
#include <cmath>

namespace engine {
namespace {

constexpr std::string_view kNames[] = {"search", "recommendation", "ads"};
constexpr double kMemory = 0.05; ///< weight of the newest use of a place

} // namespace

std::string_view name(Priority priority)
{
    return kNames[static_cast<std::size_t>(priority)];
}

std::optional<Priority> priorityOf(std::string_view wanted)
{
    for (std::size_t i = 0; i < std::size(kNames); ++i)
        if (kNames[i] == wanted)
            return static_cast<Priority>(i);
    return std::nullopt;
}

void GatewayQueue::setRules(const QueueRules &rules, const PriorityRules &shares)
{
    const std::lock_guard lock(m_mutex);
    m_rules = rules;
    m_shares = shares;
}

std::size_t GatewayQueue::places() const
{
    return static_cast<std::size_t>(m_rules.running) * std::max<std::size_t>(1, m_replicas);
}

bool GatewayQueue::mayRun(Priority priority) const
{
    const double share = priority == Priority::Search           ? 1
                         : priority == Priority::Recommendation ? m_shares.recommendation
                                                                : m_shares.ads;
    const auto all = static_cast<double>(places());
    return static_cast<double>(m_running) < std::max(1.0, std::floor(all * share));
}

std::size_t GatewayQueue::waitingLocked() const
{
    return m_waiting[0].size() + m_waiting[1].size() + m_waiting[2].size();
}

/// Whether the line is so long that the deadline is over before the turn comes.
bool GatewayQueue::isHopeless(MonoTime deadline, MonoTime now) const
{
    const auto ahead = static_cast<double>(waitingLocked() + 1) / static_cast<double>(places());
    return static_cast<double>((deadline - now).count()) < (ahead + 1) * m_service;
}

GatewayQueue::Entered GatewayQueue::enter(Priority priority, MonoTime deadline, MonoTime now,
                                          std::size_t replicas, bool byClass, Waiter waiter)
{
    if (!byClass)
        priority = Priority::Search;
    Waiter evicted;
    {
        const std::lock_guard lock(m_mutex);
        m_replicas = replicas;
        const bool isFirst = std::all_of(
            m_waiting.begin(), m_waiting.begin() + static_cast<std::ptrdiff_t>(priority) + 1,
            [](const auto &line) { return line.empty(); });
        if (isFirst && mayRun(priority)) {
            ++m_running;
            return Entered::Runs;
        }
        if (isHopeless(deadline, now))
            return Entered::Refused;
        if (waitingLocked() >= static_cast<std::size_t>(m_rules.waiting)) {
            // The least important one makes room, from the end of its line.
            auto lowest = m_waiting.size() - 1;
            while (lowest > static_cast<std::size_t>(priority) && m_waiting[lowest].empty())
                --lowest;
            if (lowest == static_cast<std::size_t>(priority))
                return Entered::Refused;
            const auto last = std::prev(m_waiting[lowest].end());
            evicted = std::move(last->second);
            m_waiting[lowest].erase(last);
            ++m_evicted;
        }
        m_waiting[static_cast<std::size_t>(priority)].emplace(deadline, std::move(waiter));
    }
    if (evicted)
        evicted(false);
    return Entered::Waits;
}

void GatewayQueue::next(MonoTime now, Calls &calls)
{
    for (std::size_t i = 0; i < m_waiting.size(); ++i) {
        auto &line = m_waiting[i];
        while (!line.empty() && mayRun(static_cast<Priority>(i))) {
            const auto first = line.begin();
            // No turn for one that cannot be answered any more.
            const bool late =
                static_cast<double>((first->first - now).count()) < std::max(0.0, m_service);
            calls.emplace_back(std::move(first->second), !late);
            line.erase(first);
            if (late)
                ++m_dropped;
            else
                ++m_running;
        }
    }
}

void GatewayQueue::leave(MonoTime started, MonoTime now)
{
    Calls calls;
    {
        const std::lock_guard lock(m_mutex);
        --m_running;
        const auto took = static_cast<double>((now - started).count());
        m_service += m_service == 0 ? took : kMemory * (took - m_service);
        next(now, calls);
    }
    for (const auto &[waiter, runs] : calls)
        waiter(runs);
}

void GatewayQueue::sweep(MonoTime now)
{
    Calls calls;
    {
        const std::lock_guard lock(m_mutex);
        for (auto &line : m_waiting) {
            while (!line.empty() && line.begin()->first <= now) {
                calls.emplace_back(std::move(line.begin()->second), false);
                line.erase(line.begin());
                ++m_dropped;
            }
        }
        next(now, calls);
    }
    for (const auto &[waiter, runs] : calls)
        waiter(runs);
}

std::size_t GatewayQueue::waiting() const
{
    const std::lock_guard lock(m_mutex);
    return waitingLocked();
}

std::size_t GatewayQueue::running() const
{
    const std::lock_guard lock(m_mutex);
    return m_running;
}

} // namespace engine
