#pragma once
// Which replicas get requests: round robin over those that answer, without the ones that fail while
// others do not.

#include "engine/event/event.h"
#include "engine/serving/gateway_options.h"

#include <array>
#include <deque>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace engine {

/// How a try ended, as far as the replica's health is concerned.
enum class TryEnd {
    Answered,
    Failed,    ///< the replica, or the way to it, gave an error
    TimedOut,  ///< nothing heard in time
    Overtaken, ///< given up because another try of the same request answered first
    Void       ///< cancelled by us, or no fault of the replica (RESOURCE_EXHAUSTED, bad request)
};

/// Rolling quantiles of answers in a coarse logarithmic histogram (20 % steps) over the last 5-10
/// s.
class RecentLatency
{
public:
    void add(MonoTime now, Micros latency);
    [[nodiscard]] std::optional<Micros> quantile(double q) const; ///< none before 20 answers

private:
    static constexpr std::size_t kBuckets = 96;
    using Counts = std::array<std::uint32_t, kBuckets>;
    Counts m_now{}, m_before{};
    MonoTime m_turn{0};
    std::uint32_t m_count = 0, m_countBefore = 0;
};

/// The replicas behind the gateway. Pure: times come in, events go out through takeNews(). Not
/// thread-safe: the gateway's lock guards it. With `enabled` false it is a plain round robin over
/// every replica that ever answered a probe.
class Rotation
{
public:
    /// One outstanding try.
    struct Ticket
    {
        std::size_t replica = 0;
        std::uint64_t number = 0;
        MonoTime started{0};
    };

    static constexpr std::size_t kMostReplicas = 64;
    Rotation(std::vector<std::string> targets, const EjectionRules &rules);

    void setRules(const EjectionRules &rules) { m_rules = rules; }
    void setEnabled(bool enabled, MonoTime now);
    /// Without the health probes' word: whoever ever answered one counts as serving.
    void setProbed(bool probed) { m_probed = probed; }
    /// The next replica that is not in `excluded` (bit per replica); none when there is no other.
    /// `turns`: it moves the round on (a second try of a request must not).
    [[nodiscard]] std::optional<Ticket> start(MonoTime now, std::uint64_t excluded, bool turns);
    [[nodiscard]] std::optional<Ticket> start(MonoTime now, std::uint64_t tried)
    {
        return start(now, tried, tried == 0);
    }
    /// This one, whatever is known of it: a breaker's probe.
    [[nodiscard]] Ticket startOn(std::size_t replica, MonoTime now);
    /// `due` is the try's deadline: a time-out that was noticed long after it is our own stall.
    void end(const Ticket &ticket, TryEnd how, MonoTime now, MonoTime due);

    void probeAnswered(std::size_t replica, bool serving, MonoTime now);
    void probeMissed(std::size_t replica, MonoTime started, MonoTime now);

    /// Suspicion: tries are outstanding for too long while others answer. Recomputed here.
    [[nodiscard]] bool suspected(std::size_t replica, MonoTime now);
    [[nodiscard]] bool inRotation(std::size_t replica) const;
    [[nodiscard]] std::size_t usableCount() const;
    [[nodiscard]] std::optional<Micros> latency(double quantile) const
    {
        return m_latency.quantile(quantile);
    }
    /// Replicas come and go; an index stays the same replica's. nullopt: no room for another.
    [[nodiscard]] std::optional<std::size_t> add(const std::string &target);
    void retire(std::size_t replica);
    /// It has a new address: nothing that was known of it holds.
    void forget(std::size_t replica);
    [[nodiscard]] bool isRetired(std::size_t replica) const { return m_replicas[replica].retired; }
    [[nodiscard]] std::size_t size() const { return m_replicas.size(); }
    [[nodiscard]] const std::string &target(std::size_t replica) const
    {
        return m_replicas[replica].target;
    }
    [[nodiscard]] bool anyReady() const;
    [[nodiscard]] std::vector<ResponseChanged> takeNews();

private:
    struct Outstanding
    {
        MonoTime started{0};
        bool over = false;
    };
    struct Replica
    {
        std::string target;
        bool known = false;   ///< answered a probe since the gateway started
        bool serving = false; ///< what its last answered probe said
        bool retired = false;
        bool ejected = false;
        bool suspect = false; ///< until it answers anything
        MonoTime ejectedAt{0};
        int failures = 0, misses = 0; ///< tries, probes; in a row
        MonoTime firstFailure{0};     ///< when the first of the row was started
        MonoTime lastAnswer{0};
        std::optional<MonoTime> overtaken; ///< start of the first try given up since it answered
        std::deque<Outstanding> outstanding;
        std::uint64_t firstNumber = 0; ///< ticket number of outstanding.front()
    };
    [[nodiscard]] bool usable(const Replica &replica) const;
    [[nodiscard]] bool othersAnswer(const Replica &self, MonoTime since, MonoTime now) const;
    enum class Failure { Error, TimeOut, Probe };
    void failed(Replica &replica, MonoTime started, MonoTime now, Failure how);
    void heard(Replica &replica, MonoTime now);
    void eject(Replica &replica, MonoTime now, std::string why);
    void readmit(Replica &replica, MonoTime now, std::string why);

    EjectionRules m_rules;
    bool m_enabled = true, m_probed = true;
    std::vector<Replica> m_replicas;
    RecentLatency m_latency;
    std::size_t m_next = 0;
    std::vector<ResponseChanged> m_news;
};

} // namespace engine
