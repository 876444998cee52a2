#include "engine/training/trees/grower.h"

#include <algorithm>

namespace engine {

Grower::Grower(const Bins &bins, const GrowOptions &options, WorkCrew &crew)
    : m_bins(bins), m_options(options), m_crew(crew)
{
}

Grower::Histogram Grower::fresh()
{
    const auto size = m_features.size() * Bins::kMost;
    if (m_spare.empty())
        return Histogram(size);
    auto histogram = std::move(m_spare.back());
    m_spare.pop_back();
    histogram.resize(size);
    return histogram;
}

/// The histogram of one feature over the rows of a leaf.
void Grower::fill(Open &open, std::size_t slot) const
{
    auto *cells = open.histogram.data() + slot * Bins::kMost;
    std::fill(cells, cells + Bins::kMost, Cell{});
    const auto *column = m_bins.column(m_features[slot]);
    for (std::size_t i = open.leaf.begin; i < open.leaf.end; ++i) {
        const auto row = m_rows[i];
        auto &cell = cells[column[row]];
        cell.gradient += static_cast<double>(m_gradient[row]);
        cell.hessian += static_cast<double>(m_hessian[row]);
        cell.rows += 1;
    }
}

Grower::Split Grower::bestOf(const Open &open, std::size_t slot) const
{
    const auto feature = m_features[slot];
    const auto *cells = open.histogram.data() + slot * Bins::kMost;
    const auto bins = m_bins.count(feature);
    const double all = static_cast<double>(open.leaf.end - open.leaf.begin);
    const double g = open.leaf.gradient, h = open.leaf.hessian, ridge = m_options.ridge;
    const double whole = g * g / (h + ridge);
    const auto least = static_cast<double>(m_options.leastRows);
    Split best;
    best.feature = feature;
    const bool hasMissing = cells[0].rows > 0;
    for (const bool missingLeft : {true, false}) {
        if (missingLeft && !hasMissing)
            continue; // without NaN both ways are the same; unseen NaN then goes right
        double gl = 0, hl = 0, nl = 0;
        if (missingLeft) {
            gl = cells[0].gradient;
            hl = cells[0].hessian;
            nl = cells[0].rows;
        }
        // The last bin has no row to its right but NaN.
        const auto last = missingLeft || !hasMissing ? bins - 1 : bins;
        for (std::size_t b = 1; b < last; ++b) {
            gl += cells[b].gradient;
            hl += cells[b].hessian;
            nl += cells[b].rows;
            const double hr = h - hl, nr = all - nl;
            if (nl < least || hl < m_options.leastHessian)
                continue;
            if (nr < least || hr < m_options.leastHessian)
                break;
            const double gr = g - gl;
            const double gain = gl * gl / (hl + ridge) + gr * gr / (hr + ridge) - whole;
            if (gain > best.gain) {
                best.gain = gain;
                best.bin = static_cast<std::uint32_t>(b);
                best.missingLeft = missingLeft;
            }
        }
    }
    return best;
}

/// Takes the best of all features; ties go to the first.
void Grower::look(Open &open)
{
    open.split = Split{};
    for (const auto &split : m_best) {
        if (split.gain > open.split.gain)
            open.split = split;
    }
}

/// Reorders the leaf's rows, left ones first, keeping the order inside; gives the border.
std::size_t Grower::part(const Leaf &leaf, const Split &split)
{
    const auto *column = m_bins.column(split.feature);
    m_right.clear();
    std::size_t at = leaf.begin;
    for (std::size_t i = leaf.begin; i < leaf.end; ++i) {
        const auto row = m_rows[i];
        const auto bin = column[row];
        if (bin == 0 ? split.missingLeft : bin <= split.bin)
            m_rows[at++] = row;
        else
            m_right.push_back(row);
    }
    std::copy(m_right.begin(), m_right.end(), m_rows.begin() + static_cast<std::ptrdiff_t>(at));
    return at;
}

void Grower::grow(std::vector<std::uint32_t> rows, std::span<const std::uint32_t> features,
                  std::span<const float> gradient, std::span<const float> hessian, TreeModel &model)
{
    m_rows = std::move(rows);
    m_features = features;
    m_gradient = gradient;
    m_hessian = hessian;
    m_best.assign(features.size(), Split{});
    m_root = static_cast<std::int32_t>(model.nodes.size());
    m_parted.assign(1, Parted{});
    model.roots.push_back(m_root);
    model.nodes.emplace_back();

    std::vector<Open> open(1);
    open[0].leaf = {m_root, 0, m_rows.size(), 0, 0};
    for (const auto row : m_rows) {
        open[0].leaf.gradient += static_cast<double>(m_gradient[row]);
        open[0].leaf.hessian += static_cast<double>(m_hessian[row]);
    }
    open[0].histogram = fresh();
    m_crew.run(features.size(), [&](std::size_t slot) {
        fill(open[0], slot);
        m_best[slot] = bestOf(open[0], slot);
    });
    look(open[0]);

    while (static_cast<int>(open.size()) < m_options.leaves) {
        std::size_t at = 0;
        for (std::size_t i = 1; i < open.size(); ++i) {
            if (open[i].split.gain > open[at].split.gain)
                at = i;
        }
        if (!(open[at].split.gain > m_options.leastGain))
            break;
        auto parent = std::move(open[at]);
        const auto &split = parent.split;
        const auto border = part(parent.leaf, split);
        const auto left = static_cast<std::int32_t>(model.nodes.size());
        model.nodes[static_cast<std::size_t>(parent.leaf.node)] = {
            static_cast<std::int32_t>(split.feature), left, m_bins.edge(split.feature, split.bin),
            split.missingLeft};
        m_parted[static_cast<std::size_t>(parent.leaf.node - m_root)] = {
            static_cast<std::int32_t>(split.feature), left, static_cast<std::uint8_t>(split.bin),
            split.missingLeft};
        model.nodes.resize(model.nodes.size() + 2);
        m_parted.resize(m_parted.size() + 2);

        Open small, large;
        const bool leftIsSmall = border - parent.leaf.begin <= parent.leaf.end - border;
        small.leaf = leftIsSmall ? Leaf{left, parent.leaf.begin, border, 0, 0}
                                 : Leaf{left + 1, border, parent.leaf.end, 0, 0};
        large.leaf = leftIsSmall ? Leaf{left + 1, border, parent.leaf.end, 0, 0}
                                 : Leaf{left, parent.leaf.begin, border, 0, 0};
        for (std::size_t i = small.leaf.begin; i < small.leaf.end; ++i) {
            small.leaf.gradient += static_cast<double>(m_gradient[m_rows[i]]);
            small.leaf.hessian += static_cast<double>(m_hessian[m_rows[i]]);
        }
        large.leaf.gradient = parent.leaf.gradient - small.leaf.gradient;
        large.leaf.hessian = parent.leaf.hessian - small.leaf.hessian;
        small.histogram = fresh();
        large.histogram = std::move(parent.histogram);
        std::vector<Split> bestLarge(features.size());
        m_crew.run(features.size(), [&](std::size_t slot) {
            fill(small, slot);
            auto *mine = large.histogram.data() + slot * Bins::kMost;
            const auto *other = small.histogram.data() + slot * Bins::kMost;
            for (std::size_t b = 0; b < m_bins.count(m_features[slot]); ++b) {
                mine[b].gradient -= other[b].gradient;
                mine[b].hessian -= other[b].hessian;
                mine[b].rows -= other[b].rows;
            }
            m_best[slot] = bestOf(small, slot);
            bestLarge[slot] = bestOf(large, slot);
        });
        look(small);
        m_best.swap(bestLarge);
        look(large);
        open[at] = std::move(small);
        open.push_back(std::move(large));
    }
    m_leaves.clear();
    for (auto &each : open) {
        auto &node = model.nodes[static_cast<std::size_t>(each.leaf.node)];
        node.value =
            static_cast<float>(-each.leaf.gradient / (each.leaf.hessian + m_options.ridge));
        m_leaves.push_back(each.leaf);
        m_spare.push_back(std::move(each.histogram));
    }
}

std::int32_t Grower::leafOfRow(std::size_t row) const
{
    std::int32_t at = 0;
    while (m_parted[static_cast<std::size_t>(at)].feature >= 0) {
        const auto &node = m_parted[static_cast<std::size_t>(at)];
        const auto bin = m_bins.column(static_cast<std::size_t>(node.feature))[row];
        const bool left = bin == 0 ? node.missingLeft : bin <= node.bin;
        at = node.left + (left ? 0 : 1) - m_root;
    }
    return at + m_root;
}

} // namespace engine
