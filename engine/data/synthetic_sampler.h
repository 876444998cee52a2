#pragma once
// Draws the events of the synthetic shop's shoppers exactly from the softmax over all items,
// without summing over them: items of one category and brand form a group; groups are proposed by a
// bound of exp(U), and an item is accepted with the ratio of its exp(U) to that bound. Immutable
// after construction: any thread. Borrows the shop.

#include "engine/data/synthetic.h"

namespace engine {

class SyntheticSampler
{
public:
    explicit SyntheticSampler(const SyntheticShop &shop);

    /// All events of the shopper, oldest first; no item twice.
    [[nodiscard]] std::vector<std::uint32_t> events(std::uint32_t shopper) const;

private:
    using Vector = SyntheticShop::Vector;
    /// What is the same for all steps with the same weights.
    struct Proposal
    {
        std::uint32_t intent = 0;
        double length = 0;              ///< of the latent part of the weights
        std::vector<double> cumulated;  ///< by group, summed inside its category
        std::vector<double> ofCategory; ///< the sum of the category
    };
    [[nodiscard]] Proposal propose(std::uint32_t intent, const Vector &weights) const;
    [[nodiscard]] double bound(std::size_t group, double length, double thrift) const
    {
        return length * m_radius[group] + thrift * m_priceRadius[group];
    }
    [[nodiscard]] std::uint32_t draw(const Proposal &proposal, const SyntheticShop::Moment &moment,
                                     std::span<const double> categories, Random &random,
                                     std::span<const std::uint32_t> taken) const;

    const SyntheticShop &m_shop;
    std::size_t m_groups;
    std::array<std::vector<double>, SyntheticShop::kLatent + 1> m_centre; ///< by dimension, group
    std::vector<std::uint32_t> m_start, m_item; ///< items of group g: m_item[m_start[g] .. [g + 1])
    std::vector<Vector> m_rest;                 ///< beside m_item: v less the centre
    std::vector<double> m_cumulated;            ///< beside m_item: of exp(b) inside the group
    std::vector<double> m_radius, m_priceRadius; ///< by group: the largest rest
};

} // namespace engine
