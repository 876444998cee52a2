#include "engine/data/synthetic_sampler.h"

#include "engine/base/exact_math.h"
#include "engine/data/fast_exp.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <numeric>

namespace engine {
namespace {

constexpr auto kLatent = SyntheticShop::kLatent;

double latentLength(const SyntheticShop::Vector &vector)
{
    double squares = 0;
    for (std::size_t d = 0; d < kLatent; ++d)
        squares += vector[d] * vector[d];
    return exact::sqrt(squares);
}

/// The place in [first, end) of a value drawn from cumulated sums that start at first.
std::size_t placeOf(std::span<const double> cumulated, std::size_t first, std::size_t end,
                    double chance)
{
    const auto from = cumulated.begin() + static_cast<std::ptrdiff_t>(first);
    const auto to = cumulated.begin() + static_cast<std::ptrdiff_t>(end);
    return static_cast<std::size_t>(std::upper_bound(from, to - 1, chance * *(to - 1))
                                    - cumulated.begin());
}

} // namespace

SyntheticSampler::SyntheticSampler(const SyntheticShop &shop)
    : m_shop(shop), m_groups(std::size_t{shop.categories()} * SyntheticShop::kBrands)
{
    for (auto &dimension : m_centre)
        dimension.resize(m_groups);
    for (std::size_t group = 0; group < m_groups; ++group) {
        const auto &category = shop.m_categoryVector[group / SyntheticShop::kBrands];
        for (std::size_t d = 0; d <= kLatent; ++d)
            m_centre[d][group] = category[d] + shop.m_brandVector[group][d];
    }
    const auto items = shop.recipe().items;
    const auto groupOf = [&shop](std::uint32_t item) {
        return std::size_t{shop.m_category[item]} * SyntheticShop::kBrands + shop.m_brand[item];
    };
    m_start.assign(m_groups + 1, 0);
    for (std::uint32_t item = 0; item < items; ++item)
        ++m_start[groupOf(item) + 1];
    std::partial_sum(m_start.begin(), m_start.end(), m_start.begin());
    m_item.resize(items);
    auto next = m_start;
    for (std::uint32_t item = 0; item < items; ++item)
        m_item[next[groupOf(item)]++] = item;

    m_rest.resize(items);
    m_cumulated.resize(items);
    m_radius.assign(m_groups, 0);
    m_priceRadius.assign(m_groups, 0);
    for (std::size_t group = 0; group < m_groups; ++group) {
        double sum = 0;
        for (auto at = m_start[group]; at < m_start[group + 1]; ++at) {
            const auto item = m_item[at];
            for (std::size_t d = 0; d <= kLatent; ++d)
                m_rest[at][d] = shop.m_rest[d][item] - shop.m_brandVector[group][d];
            m_cumulated[at] = sum += exact::exp(shop.m_bias[item]);
            m_radius[group] = std::max(m_radius[group], latentLength(m_rest[at]));
            m_priceRadius[group] = std::max(m_priceRadius[group], std::abs(m_rest[at][kLatent]));
        }
    }
}

SyntheticSampler::Proposal SyntheticSampler::propose(std::uint32_t intent,
                                                     const Vector &weights) const
{
    Proposal proposal;
    proposal.intent = intent;
    proposal.length = latentLength(weights);
    auto &value = proposal.cumulated;
    value.assign(m_groups, 0);
    for (std::size_t d = 0; d <= kLatent; ++d) {
        const double weight = weights[d];
        const double *centre = m_centre[d].data();
        for (std::size_t group = 0; group < m_groups; ++group)
            value[group] += weight * centre[group];
    }
    for (std::size_t group = 0; group < m_groups; ++group)
        value[group] = fastExp(value[group] + bound(group, proposal.length, -weights[kLatent]));
    for (std::size_t first = 0; first < m_groups; first += SyntheticShop::kBrands) {
        double sum = 0;
        for (std::size_t group = first; group < first + SyntheticShop::kBrands; ++group) {
            const auto end = m_start[group + 1];
            sum += end == m_start[group] ? 0 : value[group] * m_cumulated[end - 1];
            value[group] = sum;
        }
        proposal.ofCategory.push_back(sum);
    }
    return proposal;
}

std::uint32_t SyntheticSampler::draw(const Proposal &proposal, const SyntheticShop::Moment &moment,
                                     std::span<const double> categories, Random &random,
                                     std::span<const std::uint32_t> taken) const
{
    constexpr auto kBrands = SyntheticShop::kBrands;
    for (;;) {
        const auto category = placeOf(categories, 0, categories.size(), random.uniform());
        const auto group = placeOf(proposal.cumulated, category * kBrands, (category + 1) * kBrands,
                                   random.uniform());
        if (m_start[group] == m_start[group + 1])
            continue; // only rounding at the very end of a category leads to a brand without items
        const auto at = placeOf(m_cumulated, m_start[group], m_start[group + 1], random.uniform());
        double rest = -bound(group, proposal.length, -moment.weights[kLatent]);
        for (std::size_t d = 0; d <= kLatent; ++d)
            rest += moment.weights[d] * m_rest[at][d];
        assert(rest <= 1e-9);
        // What was taken before is not taken again: refusing it here is exactly the softmax over
        // the others.
        if (random.uniform() < fastExp(rest)
            && std::find(taken.begin(), taken.end(), m_item[at]) == taken.end())
            return m_item[at];
    }
}

std::vector<std::uint32_t> SyntheticSampler::events(std::uint32_t shopper) const
{
    const auto taste = m_shop.taste(shopper);
    const auto intents = m_shop.intents(shopper, taste, taste.events);
    auto random = m_shop.eventDraws(shopper);
    std::vector<std::uint32_t> events;
    std::vector<Proposal> proposals;
    std::vector<double> categories(m_shop.categories());
    while (events.size() < taste.events) {
        const auto intent = intents[events.size()];
        const auto moment = m_shop.momentAt(taste, intent, events);
        auto known = std::find_if(proposals.begin(), proposals.end(),
                                  [intent](const Proposal &p) { return p.intent == intent; });
        if (known == proposals.end())
            known = proposals.insert(known, propose(intent, moment.weights));
        double sum = 0;
        for (std::uint32_t c = 0; c < m_shop.categories(); ++c) {
            sum += known->ofCategory[c]
                   * m_shop.m_affinityFactor[m_shop.transition(moment.previous, c)];
            categories[c] = sum;
        }
        events.push_back(draw(*known, moment, categories, random, events));
    }
    return events;
}

} // namespace engine
