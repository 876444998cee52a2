#include "engine/training/trees/loss.h"

#include <algorithm>
#include <cmath>

namespace engine {
namespace {

double meanOf(double score)
{
    return std::exp(std::clamp(score, -30.0, 30.0));
}

/// log(1 + e^s) without overflow.
double softplus(double s)
{
    return std::max(s, 0.0) + std::log1p(std::exp(-std::abs(s)));
}

} // namespace

bool renewsLeaves(Loss loss)
{
    return loss == Loss::Absolute || loss == Loss::Pinball;
}

Slope slopeOf(Loss loss, double target, double score, double tau)
{
    switch (loss) {
    case Loss::Squared:
        return {score - target, 1.0};
    case Loss::Logistic: {
        const double p = 1.0 / (1.0 + std::exp(-score));
        return {p - target, std::max(p * (1.0 - p), 1e-6)};
    }
    case Loss::Poisson: {
        const double mean = meanOf(score);
        // A little more curvature than there is keeps one large value from a huge step.
        return {mean - target, mean * 1.5 + 1e-6};
    }
    case Loss::Absolute:
        return {score > target ? 1.0 : -1.0, 1.0};
    case Loss::Pinball:
        return {score > target ? 1.0 - tau : -tau, 1.0};
    }
    return {0, 1};
}

double lossOf(Loss loss, double target, double score, double tau)
{
    switch (loss) {
    case Loss::Squared:
        return 0.5 * (score - target) * (score - target);
    case Loss::Logistic:
        return softplus(score) - target * score;
    case Loss::Poisson:
        return meanOf(score) - target * std::clamp(score, -30.0, 30.0);
    case Loss::Absolute:
        return std::abs(target - score);
    case Loss::Pinball:
        return target >= score ? tau * (target - score) : (1.0 - tau) * (score - target);
    }
    return 0;
}

double meanLoss(Loss loss, std::span<const float> target, std::span<const float> weight,
                std::span<const double> score, double tau)
{
    double sum = 0, weights = 0;
    for (std::size_t i = 0; i < target.size(); ++i) {
        const double w = weight.empty() ? 1.0 : static_cast<double>(weight[i]);
        sum += w * lossOf(loss, static_cast<double>(target[i]), score[i], tau);
        weights += w;
    }
    return weights > 0 ? sum / weights : 0;
}

} // namespace engine
