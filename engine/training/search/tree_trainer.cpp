#include "engine/training/search/tree_trainer.h"

#include "engine/base/exact_math.h"
#include "engine/base/random.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

namespace engine {
namespace {

constexpr std::size_t kBins = 64;
constexpr std::uint64_t kTreeStream = 0x72EE5;

/// The features as bin numbers, column by column; a bin ends at its edge, inclusive.
struct Binned
{
    std::vector<std::vector<float>> edges; ///< per feature; the last bin has none
    std::vector<std::uint8_t> bins;        ///< features x rows
};

Binned binned(const RankingRows &rows)
{
    Binned out;
    out.edges.resize(rows.features);
    out.bins.resize(rows.features * rows.rows());
    std::vector<float> column(rows.rows());
    for (std::size_t f = 0; f < rows.features; ++f) {
        for (std::size_t i = 0; i < rows.rows(); ++i)
            column[i] = rows.values[i * rows.features + f];
        auto sorted = column;
        std::sort(sorted.begin(), sorted.end());
        auto &edges = out.edges[f];
        auto distinct = sorted;
        distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
        const auto middle = [](float a, float b) {
            const float between = a + (b - a) / 2;
            return between < b ? between : a;
        };
        if (distinct.size() <= kBins) {
            for (std::size_t i = 0; i + 1 < distinct.size(); ++i)
                edges.push_back(middle(distinct[i], distinct[i + 1]));
        } else {
            for (std::size_t b = 1; b < kBins; ++b) {
                const auto at = b * sorted.size() / kBins;
                const auto next = std::upper_bound(sorted.begin(), sorted.end(), sorted[at - 1]);
                if (next == sorted.end())
                    break;
                const float edge = middle(sorted[at - 1], *next);
                if (edges.empty() || edge > edges.back())
                    edges.push_back(edge);
            }
        }
        auto *bins = out.bins.data() + f * rows.rows();
        for (std::size_t i = 0; i < rows.rows(); ++i)
            bins[i] = static_cast<std::uint8_t>(
                std::lower_bound(edges.begin(), edges.end(), column[i]) - edges.begin());
    }
    return out;
}

/// What a leaf holds and how it would best be split.
struct Leaf
{
    std::vector<std::uint32_t> rows;
    std::size_t node = 0;
    double gradient = 0, weight = 0; ///< sums
    double gain = 0;                 ///< of the best split; 0: none
    std::size_t feature = 0, bin = 0;
};

class Forest
{
public:
    Forest(const RankingRows &rows, const Binned &bins, const RankTreeOptions &options,
           std::uint64_t number)
        : m_rows(rows), m_bins(bins), m_options(options),
          m_random(options.seed, kTreeStream + number), m_scores(rows.rows(), 0),
          m_gradients(rows.rows()), m_hessians(rows.rows())
    {
        if (!options.isLambda)
            return;
        std::size_t longest = 0;
        for (std::size_t q = 0; q < rows.queries(); ++q)
            longest = std::max(longest, rows.starts[q + 1] - rows.starts[q]);
        for (std::size_t i = 0; i < longest; ++i)
            m_discounts.push_back(1 / exact::log2(static_cast<double>(i) + 2));
        for (const auto grade : rows.grades)
            m_gains.push_back(gainOf(static_cast<double>(grade)));
    }

    /// One more tree, appended to `nodes`.
    void grow(std::vector<TreeModel::Node> &nodes)
    {
        if (m_options.isLambda)
            lambdas();
        else
            squares();
        const auto root = nodes.size();
        nodes.emplace_back();
        std::vector<Leaf> leaves(1);
        leaves[0].node = root;
        drawRows(leaves[0].rows);
        drawFeatures();
        sum(leaves[0]);
        findSplit(leaves[0]);
        while (leaves.size() < static_cast<std::size_t>(m_options.leaves)) {
            const auto best =
                std::max_element(leaves.begin(), leaves.end(),
                                 [](const Leaf &a, const Leaf &b) { return a.gain < b.gain; });
            if (best->gain <= 1e-12)
                break;
            split(leaves, static_cast<std::size_t>(best - leaves.begin()), nodes);
        }
        for (const auto &leaf : leaves)
            nodes[leaf.node].value =
                static_cast<float>(m_options.rate * leaf.gradient / (leaf.weight + m_options.l2));
        // Rows that this tree did not see need its answer as well.
        for (std::size_t i = 0; i < m_rows.rows(); ++i) {
            auto at = root;
            while (nodes[at].feature >= 0) {
                const auto &node = nodes[at];
                const float value =
                    m_rows.values[i * m_rows.features + static_cast<std::size_t>(node.feature)];
                at = static_cast<std::size_t>(node.left) + (value > node.value ? 1 : 0);
            }
            m_scores[i] += static_cast<double>(nodes[at].value);
        }
    }

private:
    void squares()
    {
        for (std::size_t i = 0; i < m_rows.rows(); ++i) {
            const auto weight = static_cast<double>(m_rows.weights[i]);
            m_gradients[i] = weight * (static_cast<double>(m_rows.grades[i]) - m_scores[i]);
            m_hessians[i] = weight;
        }
    }

    void lambdas()
    {
        std::fill(m_gradients.begin(), m_gradients.end(), 0.0);
        std::fill(m_hessians.begin(), m_hessians.end(), 0.0);
        std::vector<std::size_t> order;
        std::vector<float> ideal;
        for (std::size_t q = 0; q < m_rows.queries(); ++q) {
            const auto begin = m_rows.starts[q], end = m_rows.starts[q + 1];
            ideal.assign(m_rows.grades.begin() + std::ptrdiff_t(begin),
                         m_rows.grades.begin() + std::ptrdiff_t(end));
            std::sort(ideal.begin(), ideal.end(), std::greater<>());
            const double best = dcg(ideal, ideal.size());
            if (best <= 0)
                continue;
            order.resize(end - begin);
            std::iota(order.begin(), order.end(), begin);
            std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
                return m_scores[a] > m_scores[b];
            });
            double total = 0;
            const auto depth = std::min(order.size(), static_cast<std::size_t>(m_options.depth));
            for (std::size_t a = 0; a < depth; ++a) {
                for (std::size_t b = a + 1; b < order.size(); ++b)
                    total += pair(order[a], order[b], a, b, best);
            }
            if (total <= 0)
                continue;
            // As LightGBM does it: queries with many pairs do not drown the others.
            const double by = exact::log2(1 + total) / total;
            for (std::size_t i = begin; i < end; ++i) {
                m_gradients[i] *= by;
                m_hessians[i] *= by;
            }
        }
    }

    /// Pulls the better of two documents up and pushes the other down; the size of the pull.
    double pair(std::size_t first, std::size_t second, std::size_t rankA, std::size_t rankB,
                double best)
    {
        if (m_gains[first] == m_gains[second])
            return 0;
        const bool isFirstBetter = m_gains[first] > m_gains[second];
        const auto up = isFirstBetter ? first : second, down = isFirstBetter ? second : first;
        const double change = (m_gains[up] - m_gains[down])
                              * (m_discounts[rankA] - m_discounts[rankB]) / best
                              * static_cast<double>(m_rows.weights[up] * m_rows.weights[down]);
        const double p = 1 / (1 + exact::exp(m_scores[up] - m_scores[down]));
        m_gradients[up] += p * change;
        m_gradients[down] -= p * change;
        m_hessians[up] += p * (1 - p) * change;
        m_hessians[down] += p * (1 - p) * change;
        return 2 * p * change;
    }

    void drawRows(std::vector<std::uint32_t> &rows)
    {
        for (int attempt = 0; attempt < 8 && rows.empty(); ++attempt) {
            for (std::size_t q = 0; q < m_rows.queries(); ++q) {
                if (m_random.uniform() >= m_options.queryShare)
                    continue;
                for (auto i = m_rows.starts[q]; i < m_rows.starts[q + 1]; ++i)
                    rows.push_back(static_cast<std::uint32_t>(i));
            }
        }
    }

    void drawFeatures()
    {
        m_features.resize(m_rows.features);
        std::iota(m_features.begin(), m_features.end(), std::size_t{0});
        const auto count = static_cast<std::size_t>(
            std::ceil(m_options.featureShare * static_cast<double>(m_rows.features)));
        for (std::size_t i = 0; i < std::min(count, m_features.size()); ++i)
            std::swap(m_features[i], m_features[i + m_random.below(m_features.size() - i)]);
        m_features.resize(std::min(count, m_features.size()));
    }

    void sum(Leaf &leaf) const
    {
        leaf.gradient = leaf.weight = 0;
        for (const auto i : leaf.rows) {
            leaf.gradient += m_gradients[i];
            leaf.weight += m_hessians[i];
        }
    }

    void findSplit(Leaf &leaf) const
    {
        struct Bin
        {
            double gradient = 0, weight = 0;
            std::uint32_t count = 0;
        };
        leaf.gain = 0;
        const auto least = static_cast<std::uint32_t>(m_options.leastRows);
        if (leaf.rows.size() < 2 * static_cast<std::size_t>(least))
            return;
        const auto worth = [&](double gradient, double weight) {
            return gradient * gradient / (weight + m_options.l2);
        };
        const double whole = worth(leaf.gradient, leaf.weight);
        std::array<Bin, kBins> bins;
        for (const auto f : m_features) {
            bins.fill({});
            const auto *column = m_bins.bins.data() + f * m_rows.rows();
            for (const auto i : leaf.rows) {
                auto &bin = bins[column[i]];
                bin.gradient += m_gradients[i];
                bin.weight += m_hessians[i];
                ++bin.count;
            }
            Bin left;
            for (std::size_t b = 0; b < m_bins.edges[f].size(); ++b) {
                left.gradient += bins[b].gradient;
                left.weight += bins[b].weight;
                left.count += bins[b].count;
                if (left.count < least || leaf.rows.size() - left.count < least)
                    continue;
                const double gain =
                    worth(left.gradient, left.weight)
                    + worth(leaf.gradient - left.gradient, leaf.weight - left.weight) - whole;
                if (gain > leaf.gain) {
                    leaf.gain = gain;
                    leaf.feature = f;
                    leaf.bin = b;
                }
            }
        }
    }

    void split(std::vector<Leaf> &leaves, std::size_t which, std::vector<TreeModel::Node> &nodes)
    {
        auto whole = std::move(leaves[which]);
        auto &node = nodes[whole.node];
        node.feature = static_cast<std::int32_t>(whole.feature);
        node.value = m_bins.edges[whole.feature][whole.bin];
        node.left = static_cast<std::int32_t>(nodes.size());
        Leaf left, right;
        left.node = nodes.size();
        right.node = nodes.size() + 1;
        nodes.resize(nodes.size() + 2);
        const auto *column = m_bins.bins.data() + whole.feature * m_rows.rows();
        for (const auto i : whole.rows)
            (column[i] <= whole.bin ? left : right).rows.push_back(i);
        for (auto *leaf : {&left, &right}) {
            sum(*leaf);
            findSplit(*leaf);
        }
        leaves[which] = std::move(left);
        leaves.push_back(std::move(right));
    }

    const RankingRows &m_rows;
    const Binned &m_bins;
    const RankTreeOptions &m_options;
    Random m_random;
    std::vector<double> m_scores, m_gradients, m_hessians;
    std::vector<double> m_gains, m_discounts; ///< LambdaRank: per row, per rank
    std::vector<std::size_t> m_features;
};

} // namespace

TreeModel trainTrees(const RankingRows &rows, const RankTreeOptions &options, std::stop_token stop)
{
    if (rows.rows() == 0)
        return {};
    const auto bins = binned(rows);
    std::vector<Forest> forests;
    for (int f = 0; f < options.forests; ++f)
        forests.emplace_back(rows, bins, options, static_cast<std::uint64_t>(f));
    TreeModel model;
    for (int t = 0; t < options.trees; ++t) {
        for (auto &forest : forests) {
            if (stop.stop_requested())
                return {};
            model.roots.push_back(static_cast<std::int32_t>(model.nodes.size()));
            forest.grow(model.nodes);
        }
    }
    for (auto &node : model.nodes) {
        if (node.feature < 0)
            node.value /= static_cast<float>(options.forests);
    }
    return model;
}

} // namespace engine
