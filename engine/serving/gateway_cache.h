#pragma once
// Answers kept by what they are an answer to: model digest, shopper, number of events, k. And
// requests for the same answer that share one call while it is under way (single-flight).

#include "engine/base/random.h"
#include "engine/proto/kserve.pb.h"
#include "engine/serving/gateway_options.h"

#include <functional>
#include <list>
#include <mutex>
#include <optional>
#include <unordered_map>

namespace engine {

/// Without the digest: which model will answer is only known afterwards.
struct AnswerKey
{
    std::uint32_t shopper = 0, h = 0;
    std::int32_t k = 0;
    bool canary = false; ///< the two groups have models of their own
    bool operator==(const AnswerKey &) const = default;
};

/// Least recently used entries go first. An entry is found only under the digest that its group's
/// last answer had, so a new model never speaks with the old one's words. Thread-safe.
class GatewayCache
{
public:
    GatewayCache(const CacheRules &rules, std::uint64_t seed) : m_rules(rules), m_random(seed, 0x43)
    {
    }
    void setRules(const CacheRules &rules);

    void put(const AnswerKey &key, const inference::ModelInferResponse &reply, MonoTime now);
    enum class Age { Fresh, Stale };
    /// An entry that is young enough to be served: instead of asking, or because nobody answers.
    [[nodiscard]] std::optional<inference::ModelInferResponse> find(const AnswerKey &key, Age age,
                                                                    MonoTime now);
    [[nodiscard]] std::size_t size() const;

private:
    struct Entry
    {
        AnswerKey key;
        std::string digest;
        inference::ModelInferResponse reply;
        MonoTime made{0}, freshUntil{0};
    };
    struct Hash
    {
        std::size_t operator()(const AnswerKey &key) const;
    };
    mutable std::mutex m_mutex; ///< guards what follows
    CacheRules m_rules;
    Random m_random;
    std::list<Entry> m_entries; ///< newest first
    std::unordered_map<AnswerKey, std::list<Entry>::iterator, Hash> m_index;
    std::string m_digest[2]; ///< of the base and of the canary, as last answered
    friend class SingleFlight;
};

/// Thread-safe. A follower is called exactly once, from the leader's land(), outside any lock.
class SingleFlight
{
public:
    /// The leader's answer; null: it had none to give, ask yourself.
    using Follower = std::function<void(const inference::ModelInferResponse *)>;
    /// True: the caller leads and must land(). False: `follower` waits. A follower that may wait
    /// longer than the leader only; nullopt: neither, go alone.
    [[nodiscard]] std::optional<bool> join(const AnswerKey &key, MonoTime latest,
                                           const Follower &follower);
    void land(const AnswerKey &key, const inference::ModelInferResponse *reply);

private:
    struct Flight
    {
        MonoTime latest{0}; ///< the leader's
        std::vector<Follower> followers;
    };
    std::mutex m_mutex; ///< guards m_flights
    std::unordered_map<AnswerKey, Flight, GatewayCache::Hash> m_flights;
};

} // namespace engine
