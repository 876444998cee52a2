#pragma once
// A new model on some replicas for some of the shoppers: who gets it, how it does beside the
// others, and when it is taken back.

#include "engine/serving/gateway_options.h"

#include <deque>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>

namespace engine {

/// A shopper is in the canary's group by a hash of the number: always the same answer (sticky).
/// Quality needs no labels from outside: what a shopper did after an answer stands in the history
/// that the next request of this shopper reads; the answer earns 1/log2(1 + rank) of it, as in
/// NDCG@10 with one relevant item. Not thread-safe: the gateway's lock guards it.
class Canary
{
public:
    explicit Canary(const CanaryRules &rules) : m_rules(rules) {}
    /// Changed rules start it anew, also after it was rolled back.
    void setRules(const CanaryRules &rules);

    [[nodiscard]] bool isOn() const;
    [[nodiscard]] bool isRolledBack() const { return !m_why.empty(); }
    [[nodiscard]] bool wants(std::uint64_t shopper) const;
    [[nodiscard]] bool isTarget(const std::string &target) const;

    void ended(bool canary, bool good);
    /// The first items of an answer to `shopper` whose first `h` events were known.
    void served(std::uint32_t shopper, std::uint32_t h, bool canary,
                std::span<const std::int64_t> items);
    /// The shopper's events as read for a later request.
    void happened(std::uint32_t shopper, std::span<const std::int64_t> history);
    /// Why it has just been rolled back.
    [[nodiscard]] std::optional<std::string> judge();

    struct Group
    {
        double requests = 0, failed = 0, judged = 0, earned = 0;
    };
    [[nodiscard]] const Group &group(bool canary) const { return m_groups[canary]; }

private:
    struct Answer
    {
        std::uint32_t h = 0;
        bool canary = false;
        std::vector<std::int64_t> items;
    };
    CanaryRules m_rules;
    Group m_groups[2]; ///< base, canary; halved when long, so that the past fades
    std::unordered_map<std::uint32_t, Answer> m_answers;
    std::deque<std::uint32_t> m_order; ///< of m_answers, oldest first
    std::string m_why;
};

} // namespace engine
