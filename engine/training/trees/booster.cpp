#include "engine/training/trees/booster.h"

#include "engine/base/random.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace engine {
namespace {

struct Weighted
{
    double value, weight;
};

/// The weighted quantile: the smallest value with at least tau of the weight at or below it.
double quantileOf(std::vector<Weighted> &values, double tau)
{
    if (values.empty())
        return 0;
    std::sort(values.begin(), values.end(),
              [](const auto &a, const auto &b) { return a.value < b.value; });
    double all = 0, sum = 0;
    for (const auto &each : values)
        all += each.weight;
    for (const auto &each : values) {
        sum += each.weight;
        if (sum >= tau * all)
            return each.value;
    }
    return values.back().value;
}

} // namespace

Booster::Booster(const Bins &bins, Loss loss, std::span<const float> target,
                 std::span<const float> weight, const BoostOptions &options, WorkCrew &crew)
    : m_bins(bins), m_loss(loss), m_target(target), m_weight(weight), m_options(options),
      m_grower(bins, options.tree, crew), m_crew(crew), m_gradient(bins.rows()),
      m_hessian(bins.rows())
{
    double sum = 0, weights = 0;
    for (std::size_t r = 0; r < target.size(); ++r) {
        sum += weightOf(r) * static_cast<double>(target[r]);
        weights += weightOf(r);
    }
    const double mean = weights > 0 ? sum / weights : 0;
    switch (loss) {
    case Loss::Squared:
        m_model.base = mean;
        break;
    case Loss::Logistic: {
        const double p = std::clamp(mean, 1e-4, 1 - 1e-4);
        m_model.base = std::log(p / (1 - p));
        break;
    }
    case Loss::Poisson:
        m_model.base = std::log(std::max(mean, 1e-6));
        break;
    case Loss::Absolute:
    case Loss::Pinball: {
        std::vector<Weighted> values;
        for (std::size_t r = 0; r < target.size(); ++r)
            values.push_back({static_cast<double>(target[r]), weightOf(r)});
        m_model.base = quantileOf(values, loss == Loss::Absolute ? 0.5 : options.tau);
        break;
    }
    }
    m_scores.assign(bins.rows(), m_model.base);
}

void Booster::resume(TreeModel model, std::vector<double> scores)
{
    m_model = std::move(model);
    m_scores = std::move(scores);
}

void Booster::slopes()
{
    constexpr std::size_t kBlock = 8192;
    const auto rows = m_bins.rows();
    m_crew.run((rows + kBlock - 1) / kBlock, [&](std::size_t block) {
        const auto end = std::min(rows, (block + 1) * kBlock);
        for (std::size_t r = block * kBlock; r < end; ++r) {
            const auto slope =
                slopeOf(m_loss, static_cast<double>(m_target[r]), m_scores[r], m_options.tau);
            m_gradient[r] = static_cast<float>(weightOf(r) * slope.gradient);
            m_hessian[r] = static_cast<float>(weightOf(r) * slope.hessian);
        }
    });
}

void Booster::renew()
{
    const double tau = m_loss == Loss::Absolute ? 0.5 : m_options.tau;
    const auto &leaves = m_grower.leaves();
    m_crew.run(leaves.size(), [&](std::size_t i) {
        std::vector<Weighted> values;
        for (std::size_t k = leaves[i].begin; k < leaves[i].end; ++k) {
            const auto row = m_grower.rows()[k];
            values.push_back({static_cast<double>(m_target[row]) - m_scores[row], weightOf(row)});
        }
        m_model.nodes[static_cast<std::size_t>(leaves[i].node)].value =
            static_cast<float>(quantileOf(values, tau));
    });
}

void Booster::step()
{
    const auto step = m_model.trees();
    Random random(m_options.seed, m_options.stream, step << 32);
    std::vector<std::uint32_t> features(m_bins.features());
    std::iota(features.begin(), features.end(), 0u);
    if (m_options.columns < 1.0 && !features.empty()) {
        const auto keep =
            std::clamp<std::size_t>(static_cast<std::size_t>(std::ceil(
                                        m_options.columns * static_cast<double>(features.size()))),
                                    1, features.size());
        for (std::size_t i = 0; i < keep; ++i)
            std::swap(features[i], features[i + random.below(features.size() - i)]);
        features.resize(keep);
        std::sort(features.begin(), features.end());
    }
    std::vector<std::uint32_t> in, out;
    in.reserve(m_bins.rows());
    const auto border = static_cast<std::uint64_t>(m_options.rows * 65536.0);
    std::uint64_t bits = 0;
    for (std::size_t r = 0; r < m_bins.rows(); ++r) {
        if (r % 4 == 0 && m_options.rows < 1.0)
            bits = random.bits();
        const bool drawn = m_options.rows >= 1.0 || ((bits >> (16 * (r % 4))) & 0xFFFF) < border;
        const bool counts = m_weight.empty() || m_weight[r] > 0.0f;
        (drawn && counts ? in : out).push_back(static_cast<std::uint32_t>(r));
    }
    slopes();
    const auto first = m_model.nodes.size();
    m_grower.grow(std::move(in), features, m_gradient, m_hessian, m_model);
    if (renewsLeaves(m_loss))
        renew();
    for (std::size_t i = first; i < m_model.nodes.size(); ++i) {
        if (m_model.nodes[i].feature < 0)
            m_model.nodes[i].value =
                static_cast<float>(static_cast<double>(m_model.nodes[i].value) * m_options.rate);
    }
    for (const auto &leaf : m_grower.leaves()) {
        const auto value =
            static_cast<double>(m_model.nodes[static_cast<std::size_t>(leaf.node)].value);
        for (std::size_t k = leaf.begin; k < leaf.end; ++k)
            m_scores[m_grower.rows()[k]] += value;
    }
    for (const auto row : out)
        m_scores[row] += static_cast<double>(
            m_model.nodes[static_cast<std::size_t>(m_grower.leafOfRow(row))].value);
}

double Booster::trainLoss() const
{
    return meanLoss(m_loss, m_target, m_weight, m_scores, m_options.tau);
}

} // namespace engine
