#include "engine/training/ctr/tree_trainer.h"

#include "engine/training/ctr/click_metrics.h"
#include "engine/training/trees/booster.h"
#include "engine/training/trees/tree_columns.h"

#include <algorithm>
#include <cmath>

namespace engine {
namespace {

constexpr std::size_t kFolds = 5;
constexpr std::size_t kMostRows = 1'000'000; ///< to grow on; more change little

std::size_t foldOf(const ClickRows &rows, std::uint32_t row)
{
    return static_cast<std::size_t>((rows.groups[row] * 0x9E3779B97F4A7C15u) >> 40) % kFolds;
}

/// Clicks and rows by code of the category fields, fold by fold.
class CodeMeans
{
public:
    CodeMeans(const ClickRows &rows, const FeatureEncoder &encoder,
              std::span<const std::uint32_t> train, double smoothing)
        : m_codes(encoder.firstCode(encoder.categories())), m_counts(m_codes * kFolds),
          m_all(kFolds), m_smoothing(smoothing)
    {
        for (const auto row : train) {
            const auto fold = foldOf(rows, row);
            const double click = rows.labels[row] ? 1.0 : 0.0;
            for (std::size_t c = 0; c < encoder.categories(); ++c) {
                auto &count = m_counts[rows.codes[row * rows.fields + c] * kFolds + fold];
                count.rows += 1;
                count.clicks += click;
            }
            m_all[fold].rows += 1;
            m_all[fold].clicks += click;
        }
    }

    /// Smoothed log-odds of every code, without the rows of fold `without` (kFolds: with all).
    [[nodiscard]] std::vector<float> without(std::size_t fold) const
    {
        const auto sum = [fold](const Count *counts) {
            Count all;
            for (std::size_t f = 0; f < kFolds; ++f) {
                if (f != fold) {
                    all.rows += counts[f].rows;
                    all.clicks += counts[f].clicks;
                }
            }
            return all;
        };
        const auto base = sum(m_all.data());
        const double rate = (base.clicks + 0.5) / (base.rows + 1.0);
        std::vector<float> means(m_codes);
        for (std::size_t code = 0; code < m_codes; ++code) {
            const auto count = sum(m_counts.data() + code * kFolds);
            const double p = (count.clicks + m_smoothing * rate) / (count.rows + m_smoothing);
            means[code] = static_cast<float>(std::log(p / (1 - p)));
        }
        return means;
    }

private:
    struct Count
    {
        double rows = 0, clicks = 0;
    };
    std::size_t m_codes;
    std::vector<Count> m_counts; ///< [code][fold]
    std::vector<Count> m_all;
    double m_smoothing;
};

} // namespace

TrainedTrees trainTrees(const ClickRows &rows, const FeatureEncoder &encoder,
                        std::span<const std::uint32_t> train,
                        std::span<const std::uint32_t> validation, const TreeOptions &options,
                        const std::function<bool(int, double)> &onRound)
{
    TrainedTrees result;
    // Evenly spread when there are too many.
    std::vector<std::uint32_t> used;
    const auto count = std::min(train.size(), kMostRows);
    for (std::size_t i = 0; i < count; ++i)
        used.push_back(train[i * train.size() / count]);
    used.insert(used.end(), validation.begin(), validation.end());

    const CodeMeans means(rows, encoder, train, options.smoothing);
    std::vector<std::vector<float>> byFold;
    for (std::size_t fold = 0; fold <= kFolds; ++fold)
        byFold.push_back(means.without(fold));
    const auto features = treeFeatures(encoder);
    std::vector<std::vector<float>> columns(features, std::vector<float>(used.size()));
    std::vector<float> row(features), target(used.size()), weight(used.size(), 1.0f);
    for (std::size_t i = 0; i < used.size(); ++i) {
        const auto r = used[i];
        const bool learns = i < count;
        fillTreeRow(encoder, {rows.numbers.data() + r * rows.numbersPerRow, rows.numbersPerRow},
                    {rows.codes.data() + r * rows.fields, rows.fields},
                    byFold[learns ? foldOf(rows, r) : kFolds], row);
        for (std::size_t f = 0; f < features; ++f)
            columns[f][i] = row[f];
        target[i] = rows.labels[r] ? 1.0f : 0.0f;
        weight[i] = learns ? 1.0f : 0.0f;
    }
    const Bins bins(columns, used.size());
    columns.clear();

    BoostOptions boost;
    boost.tree.leaves = options.leaves;
    boost.tree.leastRows = options.leastRows;
    boost.tree.ridge = options.ridge;
    boost.rate = options.rate;
    boost.columns = options.columns;
    boost.rows = options.rows;
    boost.seed = options.seed;
    boost.stream = 0xC7B4;
    WorkCrew crew(options.threads);
    Booster booster(bins, Loss::Logistic, target, weight, boost, crew);
    std::size_t best = 0;
    const auto measure = [&] {
        double loss = 0;
        for (std::size_t i = count; i < used.size(); ++i)
            loss += lossOf(Loss::Logistic, static_cast<double>(target[i]), booster.scores()[i], 0);
        return loss / static_cast<double>(std::max<std::size_t>(validation.size(), 1));
    };
    const auto keep = [&](std::size_t trees, double loss) {
        best = trees;
        result.bestLoss = loss;
        result.validationLogits.assign(
            booster.scores().begin() + static_cast<std::ptrdiff_t>(count), booster.scores().end());
    };
    keep(0, measure());
    for (int round = 1; round <= options.rounds; ++round) {
        booster.step();
        const double loss = measure();
        if (loss < result.bestLoss)
            keep(static_cast<std::size_t>(round), loss);
        if (!onRound(round, loss) || round - static_cast<int>(best) >= options.patience)
            break;
    }
    result.set.trees = firstTrees(booster.take(), best);
    result.set.means = byFold[kFolds];
    return result;
}

} // namespace engine
