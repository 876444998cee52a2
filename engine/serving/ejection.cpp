#include "engine/serving/ejection.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>
#include <fmt/format.h>

namespace engine {
namespace {

/// Failures further apart than this are not one row of failures.
constexpr Micros kRowOfFailures{5'000'000};
constexpr Micros kLatencyTurn{5'000'000};
constexpr std::uint32_t kLeastAnswers = 20;
constexpr double kBucketRatio = 1.2;

std::size_t bucketOf(Micros latency, std::size_t buckets)
{
    const auto micros = static_cast<double>(std::max<std::int64_t>(1, latency.count()));
    const auto bucket = static_cast<std::size_t>(std::log(micros) / std::log(kBucketRatio));
    return std::min(bucket, buckets - 1);
}

} // namespace

void RecentLatency::add(MonoTime now, Micros latency)
{
    if (now - m_turn >= kLatencyTurn) {
        const bool adjacent = now - m_turn < 2 * kLatencyTurn;
        m_before = adjacent ? m_now : Counts{};
        m_countBefore = adjacent ? m_count : 0;
        m_now = {};
        m_count = 0;
        m_turn = now;
    }
    ++m_now[bucketOf(latency, kBuckets)];
    ++m_count;
}

std::optional<Micros> RecentLatency::quantile(double q) const
{
    const auto all = m_count + m_countBefore;
    if (all < kLeastAnswers)
        return std::nullopt;
    const auto above = static_cast<std::uint32_t>(static_cast<double>(all) * (1 - q));
    std::uint32_t seen = 0;
    for (auto i = kBuckets; i-- > 0;) {
        seen += m_now[i] + m_before[i];
        if (seen > above)
            return Micros{
                static_cast<std::int64_t>(std::pow(kBucketRatio, static_cast<double>(i + 1)))};
    }
    return std::nullopt;
}

Rotation::Rotation(std::vector<std::string> targets, const EjectionRules &rules) : m_rules(rules)
{
    assert(targets.size() <= kMostReplicas);
    for (auto &target : targets) {
        Replica replica;
        replica.target = std::move(target);
        m_replicas.push_back(std::move(replica));
    }
}

void Rotation::setEnabled(bool enabled, MonoTime now)
{
    if (enabled == m_enabled)
        return;
    m_enabled = enabled;
    for (auto &replica : m_replicas) {
        replica.failures = replica.misses = 0;
        replica.suspect = false;
        if (replica.ejected)
            readmit(replica, now, "ejection was switched off");
    }
}

bool Rotation::usable(const Replica &replica) const
{
    if (replica.retired || !replica.known || (m_probed && m_enabled && !replica.serving))
        return false;
    return !m_enabled || !replica.ejected;
}

std::optional<Rotation::Ticket> Rotation::start(MonoTime now, std::uint64_t excluded, bool turns)
{
    const auto pick = [&](auto &&allowed) -> std::optional<std::size_t> {
        for (std::size_t i = 0; i < m_replicas.size(); ++i) {
            const auto at = (m_next + i) % m_replicas.size();
            if ((excluded >> at & 1) == 0 && allowed(at))
                return at;
        }
        return std::nullopt;
    };
    auto found =
        pick([&](std::size_t at) { return usable(m_replicas[at]) && !suspected(at, now); });
    if (!found)
        found = pick([&](std::size_t at) { return usable(m_replicas[at]); });
    // Better one that failed a while ago and answers its probes than nobody.
    if (!found)
        found = pick([&](std::size_t at) {
            return m_replicas[at].ejected && m_replicas[at].serving && m_replicas[at].misses == 0;
        });
    if (!found)
        return std::nullopt;
    // Else the one behind a failing replica would get its second tries and its own.
    if (turns)
        m_next = *found + 1;
    return startOn(*found, now);
}

Rotation::Ticket Rotation::startOn(std::size_t index, MonoTime now)
{
    auto &replica = m_replicas[index];
    const auto number = replica.firstNumber + replica.outstanding.size();
    replica.outstanding.push_back({now, false});
    return {index, number, now};
}

void Rotation::end(const Ticket &ticket, TryEnd how, MonoTime now, MonoTime due)
{
    auto &replica = m_replicas[ticket.replica];
    assert(ticket.number >= replica.firstNumber);
    replica.outstanding[ticket.number - replica.firstNumber].over = true;
    while (!replica.outstanding.empty() && replica.outstanding.front().over) {
        replica.outstanding.pop_front();
        ++replica.firstNumber;
    }
    switch (how) {
    case TryEnd::Answered:
        m_latency.add(now, now - ticket.started);
        replica.failures = 0;
        heard(replica, now);
        break;
    case TryEnd::Failed:
        failed(replica, ticket.started, now, Failure::Error);
        break;
    case TryEnd::TimedOut:
        if (now - due <= m_rules.ownStall)
            failed(replica, ticket.started, now, Failure::TimeOut);
        break;
    case TryEnd::Overtaken: // it stays as silent as it was, for the suspicion
        if (!replica.overtaken && replica.lastAnswer < ticket.started)
            replica.overtaken = ticket.started;
        break;
    case TryEnd::Void:
        break;
    }
}

void Rotation::heard(Replica &replica, MonoTime now)
{
    replica.lastAnswer = now;
    replica.misses = 0;
    replica.suspect = false;
    replica.overtaken.reset();
}

void Rotation::probeAnswered(std::size_t index, bool serving, MonoTime now)
{
    auto &replica = m_replicas[index];
    replica.known = true;
    replica.serving = serving;
    heard(replica, now);
    if (serving && replica.ejected && now - replica.ejectedAt >= m_rules.base)
        readmit(replica, now, "answers its health probe");
}

void Rotation::probeMissed(std::size_t index, MonoTime started, MonoTime now)
{
    auto &replica = m_replicas[index];
    if (!replica.known)
        return;
    failed(replica, started, now, Failure::Probe);
}

void Rotation::failed(Replica &replica, MonoTime started, MonoTime now, Failure how)
{
    if (how != Failure::Probe && started - replica.firstFailure > kRowOfFailures)
        replica.failures = replica.misses = 0;
    ++(how == Failure::Probe ? replica.misses : replica.failures);
    const int inARow = replica.failures + replica.misses;
    if (inARow == 1)
        replica.firstFailure = started;
    if (!m_enabled || replica.ejected || !replica.known || inARow < m_rules.consecutive)
        return;
    // One that says nothing at all may only be off the processor for a moment; nobody waits for it
    // meanwhile, because suspicion steers away. One that runs (it said something while the first
    // of the row was overdue), but fails, goes at once.
    const bool silent =
        how != Failure::Error && replica.lastAnswer < replica.firstFailure + m_rules.suspectAfter;
    if (silent && now - replica.firstFailure < m_rules.silence)
        return;
    if (!othersAnswer(replica, replica.firstFailure, now))
        return;
    constexpr std::string_view kNames[] = {"errors", "time-outs", "missed probes"};
    eject(replica, now,
          fmt::format("{} failures in a row, last: {}", inARow,
                      kNames[static_cast<std::size_t>(how)]));
}

/// Whether another replica in rotation answered after `since` and within the last second: only
/// then is it this replica that fails and not the host, the network or the load.
bool Rotation::othersAnswer(const Replica &self, MonoTime since, MonoTime now) const
{
    return std::ranges::any_of(m_replicas, [&](const Replica &other) {
        return &other != &self && usable(other) && !other.suspect && other.lastAnswer > since
               && now - other.lastAnswer <= m_rules.othersAnswered;
    });
}

bool Rotation::suspected(std::size_t index, MonoTime now)
{
    auto &replica = m_replicas[index];
    if (!m_enabled)
        return false;
    if (replica.suspect || (replica.outstanding.empty() && !replica.overtaken))
        return replica.suspect;
    auto limit = m_rules.suspectAfter;
    if (const auto p99 = m_latency.quantile(0.99))
        limit = std::max(limit, Micros{static_cast<std::int64_t>(
                                    m_rules.suspectFactor * static_cast<double>(p99->count()))});
    auto asked = replica.overtaken.value_or(now);
    if (!replica.outstanding.empty())
        asked = std::min(asked, replica.outstanding.front().started);
    const auto quietSince = std::max(asked, replica.lastAnswer);
    replica.suspect = now - quietSince > limit && othersAnswer(replica, quietSince, now);
    return replica.suspect;
}

void Rotation::eject(Replica &replica, MonoTime now, std::string why)
{
    replica.ejected = true;
    replica.ejectedAt = now;
    m_news.push_back({"ejection", replica.target, "gateway", std::move(why), true, now.count()});
}

void Rotation::readmit(Replica &replica, MonoTime now, std::string why)
{
    replica.ejected = false;
    replica.failures = replica.misses = 0;
    m_news.push_back({"ejection", replica.target, "gateway", std::move(why), false, now.count()});
}

bool Rotation::inRotation(std::size_t replica) const
{
    return usable(m_replicas[replica]);
}

std::size_t Rotation::usableCount() const
{
    return static_cast<std::size_t>(
        std::ranges::count_if(m_replicas, [&](const Replica &replica) { return usable(replica); }));
}

std::optional<std::size_t> Rotation::add(const std::string &target)
{
    auto at = std::ranges::find(m_replicas, target, &Replica::target);
    if (at == m_replicas.end() && m_replicas.size() < kMostReplicas)
        at = m_replicas.insert(at, Replica{});
    if (at == m_replicas.end())
        return std::nullopt;
    at->target = target;
    at->retired = false;
    return static_cast<std::size_t>(at - m_replicas.begin());
}

void Rotation::retire(std::size_t replica)
{
    m_replicas[replica].retired = true;
    forget(replica);
}

void Rotation::forget(std::size_t index)
{
    auto &replica = m_replicas[index];
    replica.known = replica.serving = replica.suspect = false;
    replica.failures = replica.misses = 0;
    replica.overtaken.reset();
    replica.ejected = false;
}

bool Rotation::anyReady() const
{
    return std::ranges::any_of(m_replicas, [&](const Replica &replica) { return usable(replica); });
}

std::vector<ResponseChanged> Rotation::takeNews()
{
    return std::exchange(m_news, {});
}

} // namespace engine
