#include "engine/serving/canary.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

namespace engine {
namespace {

constexpr std::size_t kMostAnswers = 20'000, kRanks = 10;
constexpr double kFades = 4; ///< times `least`: then the counts are halved

} // namespace

void Canary::setRules(const CanaryRules &rules)
{
    const bool same = rules.targets == m_rules.targets && rules.share == m_rules.share
                      && rules.errorBand == m_rules.errorBand
                      && rules.qualityBand == m_rules.qualityBand && rules.least == m_rules.least;
    if (!same)
        *this = Canary(rules);
}

bool Canary::isOn() const
{
    return m_rules.share > 0 && !m_rules.targets.empty() && m_why.empty();
}

bool Canary::wants(std::uint64_t shopper) const
{
    if (!isOn())
        return false;
    auto x = shopper + 0x9e3779b97f4a7c15; // SplitMix64
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    x ^= x >> 31;
    return static_cast<double>(x >> 11) * 0x1.0p-53 < m_rules.share;
}

bool Canary::isTarget(const std::string &target) const
{
    return std::ranges::find(m_rules.targets, target) != m_rules.targets.end();
}

void Canary::ended(bool canary, bool good)
{
    if (!isOn())
        return;
    auto &group = m_groups[canary];
    group.requests += 1;
    group.failed += !good;
    if (group.requests > kFades * m_rules.least) {
        group.requests /= 2;
        group.failed /= 2;
    }
}

void Canary::served(std::uint32_t shopper, std::uint32_t h, bool canary,
                    std::span<const std::int64_t> items)
{
    if (!isOn())
        return;
    const auto [at, isNew] = m_answers.try_emplace(shopper);
    if (isNew)
        m_order.push_back(shopper);
    items = items.first(std::min(items.size(), kRanks));
    at->second = {h, canary, {items.begin(), items.end()}};
    while (m_order.size() > kMostAnswers) {
        m_answers.erase(m_order.front());
        m_order.pop_front();
    }
}

void Canary::happened(std::uint32_t shopper, std::span<const std::int64_t> history)
{
    if (!isOn())
        return;
    const auto at = m_answers.find(shopper);
    if (at == m_answers.end() || history.size() <= at->second.h)
        return;
    const auto &answer = at->second;
    auto &group = m_groups[answer.canary];
    const auto found = std::ranges::find(answer.items, history[answer.h]);
    group.judged += 1;
    if (found != answer.items.end())
        group.earned += 1 / std::log2(2 + static_cast<double>(found - answer.items.begin()));
    if (group.judged > kFades * m_rules.least) {
        group.judged /= 2;
        group.earned /= 2;
    }
    const auto gone = std::ranges::find(m_order, shopper);
    if (gone != m_order.end())
        m_order.erase(gone);
    m_answers.erase(at);
}

std::optional<std::string> Canary::judge()
{
    if (!isOn())
        return std::nullopt;
    const auto &base = m_groups[0], &canary = m_groups[1];
    const double least = m_rules.least;
    const auto part = [](double of, double all) { return all > 0 ? of / all : 0; };
    const auto baseFails = part(base.failed, base.requests);
    const auto fails = part(canary.failed, canary.requests);
    const auto baseEarns = part(base.earned, base.judged);
    const auto earns = part(canary.earned, canary.judged);
    if (canary.requests >= least && base.requests >= least && fails > baseFails + m_rules.errorBand)
        m_why = fmt::format("{:.1f} % of its requests fail, {:.1f} % of the others'", 100 * fails,
                            100 * baseFails);
    else if (canary.judged >= least && base.judged >= least
             && earns < m_rules.qualityBand * baseEarns)
        m_why = fmt::format("its answers earn {:.3f}, the others' {:.3f}", earns, baseEarns);
    if (m_why.empty())
        return std::nullopt;
    return m_why;
}

} // namespace engine
