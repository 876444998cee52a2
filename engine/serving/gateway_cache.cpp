#include "engine/serving/gateway_cache.h"

#include "engine/serving/gateway_wire.h"

namespace engine {

std::size_t GatewayCache::Hash::operator()(const AnswerKey &key) const
{
    const auto low = (std::uint64_t{key.shopper} << 32) | key.h;
    const auto high = (static_cast<std::uint64_t>(key.k) << 1) | std::uint64_t{key.canary};
    // The finaliser of SplitMix64: shoppers are counted up from 0.
    auto x = low + 0x9e3779b97f4a7c15 * (high + 1);
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
}

void GatewayCache::setRules(const CacheRules &rules)
{
    const std::lock_guard lock(m_mutex);
    m_rules = rules;
}

void GatewayCache::put(const AnswerKey &key, const inference::ModelInferResponse &reply,
                       MonoTime now)
{
    const std::lock_guard lock(m_mutex);
    auto digest = textOf(reply, "digest");
    m_digest[key.canary] = digest;
    if (m_rules.entries == 0)
        return;
    const auto found = m_index.find(key);
    if (found == m_index.end()) {
        m_entries.emplace_front();
        m_index[key] = m_entries.begin();
    } else {
        m_entries.splice(m_entries.begin(), m_entries, found->second);
    }
    auto &entry = m_entries.front();
    entry.key = key;
    entry.digest = std::move(digest);
    entry.reply = reply;
    entry.made = now;
    const auto part = 1 + m_rules.jitter * (2 * m_random.uniform() - 1);
    entry.freshUntil =
        now + Micros{static_cast<std::int64_t>(static_cast<double>(m_rules.fresh.count()) * part)};
    while (m_entries.size() > static_cast<std::size_t>(m_rules.entries)) {
        m_index.erase(m_entries.back().key);
        m_entries.pop_back();
    }
}

std::optional<inference::ModelInferResponse> GatewayCache::find(const AnswerKey &key, Age age,
                                                                MonoTime now)
{
    const std::lock_guard lock(m_mutex);
    const auto found = m_index.find(key);
    if (found == m_index.end())
        return std::nullopt;
    const auto &entry = *found->second;
    const auto until = age == Age::Fresh ? entry.freshUntil : entry.made + m_rules.stale;
    if (now >= until || entry.digest != m_digest[key.canary])
        return std::nullopt;
    m_entries.splice(m_entries.begin(), m_entries, found->second);
    return entry.reply;
}

std::size_t GatewayCache::size() const
{
    const std::lock_guard lock(m_mutex);
    return m_entries.size();
}

std::optional<bool> SingleFlight::join(const AnswerKey &key, MonoTime latest,
                                       const Follower &follower)
{
    const std::lock_guard lock(m_mutex);
    const auto [at, isNew] = m_flights.try_emplace(key);
    if (isNew) {
        at->second.latest = latest;
        return true;
    }
    if (latest < at->second.latest)
        return std::nullopt;
    at->second.followers.push_back(follower);
    return false;
}

void SingleFlight::land(const AnswerKey &key, const inference::ModelInferResponse *reply)
{
    std::vector<Follower> followers;
    {
        const std::lock_guard lock(m_mutex);
        const auto at = m_flights.find(key);
        if (at == m_flights.end())
            return;
        followers = std::move(at->second.followers);
        m_flights.erase(at);
    }
    for (const auto &follower : followers)
        follower(reply);
}

} // namespace engine
