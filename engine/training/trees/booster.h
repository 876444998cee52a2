#pragma once
// Gradient boosting: one tree after the other against a loss. Steps are numbered, and every draw of
// chance depends on (seed, stream, step) alone, so a booster that is handed the trees of another
// one goes on to the same bytes. One thread calls; the crew's threads help.

#include "engine/training/trees/grower.h"
#include "engine/training/trees/loss.h"

namespace engine {

struct BoostOptions
{
    GrowOptions tree;
    double rate = 0.05;   ///< learning rate
    double columns = 1.0; ///< share of the features that a tree may look at
    double rows = 1.0;    ///< share of the rows that a tree is grown on
    double tau = 0.5;     ///< of Loss::Pinball
    std::uint64_t seed = 1, stream = 0;
};

class Booster
{
public:
    /// Borrows everything for its life. `target`, and `weight` if not empty, have a value per row;
    /// rows of weight 0 take no part.
    Booster(const Bins &bins, Loss loss, std::span<const float> target,
            std::span<const float> weight, const BoostOptions &options, WorkCrew &crew);
    /// Goes on from `model`, which gives the rows these scores (TreeModel::score).
    void resume(TreeModel model, std::vector<double> scores);
    /// Grows one more tree.
    void step();

    [[nodiscard]] const TreeModel &model() const { return m_model; }
    [[nodiscard]] TreeModel take() { return std::move(m_model); }
    [[nodiscard]] std::span<const double> scores() const { return m_scores; }
    /// Mean loss on the rows trained on.
    [[nodiscard]] double trainLoss() const;

private:
    void slopes();
    void renew();
    [[nodiscard]] double weightOf(std::size_t row) const
    {
        return m_weight.empty() ? 1.0 : static_cast<double>(m_weight[row]);
    }

    const Bins &m_bins;
    Loss m_loss;
    std::span<const float> m_target, m_weight;
    BoostOptions m_options;
    Grower m_grower;
    WorkCrew &m_crew;
    TreeModel m_model;
    std::vector<double> m_scores;
    std::vector<float> m_gradient, m_hessian;
};

} // namespace engine
