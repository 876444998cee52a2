#include "engine/training/demand/demand_trainer.h"

#include "engine/training/demand/demand_points.h"
#include "engine/training/demand/demand_state.h"
#include "engine/training/trees/booster.h"
#include "engine/training/trees/tree_columns.h"

#include <algorithm>
#include <cmath>

namespace engine {
namespace {

/// Fewer held-out rows that sell than this, and the training rows give spread and law.
constexpr std::size_t kLeastHeldOut = 60;
/// A value counts as at most so many times the mean of its history when the mean is learned.
constexpr double kMostRatio = 50;

class Trainer
{
public:
    Trainer(const DemandTable &table, DemandSchema schema, const DemandOptions &options,
            std::uint64_t seed, int threads, TrainMonitor &monitor, const DemandModel *initial)
        : m_options(options), m_seed(seed), m_monitor(monitor), m_initial(initial), m_crew(threads)
    {
        m_model.schema = std::move(schema);
        const DemandFeatures features(m_model.schema);
        m_rows = cutRows(table, features, options, seed, threads);
    }

    Result<DemandModel> run()
    {
        const auto rows = m_rows.size();
        if (rows < 4)
            return fail(ErrorCode::InvalidInput,
                        "There is too little to learn from: " + std::to_string(rows)
                            + " periods with a history before them; at least 4 are needed");
        m_bins.emplace(m_rows.features, rows);
        if (const auto saved = m_monitor.resumeFrom()) {
            auto state = DemandState::read(*saved);
            if (!state)
                return tl::unexpected(state.error());
            m_state = std::move(*state);
        }
        holdOut();
        std::vector<float> sells(rows), logs(rows), ratios(rows), weight(rows, 1.0f);
        std::vector<float> exposure(rows);
        for (std::size_t i = 0; i < rows; ++i) {
            const auto y = static_cast<double>(m_rows.sold[i]);
            sells[i] = y > 0 ? 1.0f : 0.0f;
            logs[i] = y > 0 ? static_cast<float>(std::log(y) - m_rows.level[i]) : 0.0f;
            // One large sale of a series that sold next to nothing must not rule the mean.
            ratios[i] = static_cast<float>(std::min(kMostRatio, y * std::exp(-m_rows.mean[i])));
            exposure[i] = static_cast<float>(std::exp(0.5 * m_rows.mean[i]));
        }
        auto &model = m_model;
        std::vector<double> heldOut; // location of the held-out rows, before they were learned from
        auto part = boost("location", Loss::Squared, logs, sells, initialOf(&DemandModel::location),
                          &heldOut);
        if (!part)
            return tl::unexpected(part.error());
        model.location = std::move(*part);
        DR_RETURN_IF_ERROR(learnLaw(logs, sells, heldOut));
        if (model.schema.hasZeros) {
            part =
                boost("positive", Loss::Logistic, sells, weight,
                      m_initial && m_initial->positive ? &*m_initial->positive : nullptr, nullptr);
            if (!part)
                return tl::unexpected(part.error());
            model.positive = std::move(*part);
        }
        std::vector<double> heldOutMean;
        if (m_options.mean == "trees" || (m_options.mean == "auto" && model.schema.hasZeros)) {
            part = boost("mean", Loss::Poisson, ratios, exposure,
                         m_initial && m_initial->mean ? &*m_initial->mean : nullptr, &heldOutMean);
            if (!part)
                return tl::unexpected(part.error());
            model.mean = std::move(*part);
            for (std::size_t i = 0; i < rows; ++i)
                heldOutMean[i] = std::exp(std::clamp(heldOutMean[i], -30.0, 30.0) + m_rows.mean[i]);
            model.schema.rootFactor = rootShare(m_rows, m_isHeldOut, heldOutMean);
            model.metrics["share of the mean for rmse"] = model.schema.rootFactor;
        }
        return std::move(m_model);
    }

private:
    const TreeModel *initialOf(TreeModel DemandModel::*part) const
    {
        return m_initial ? &(m_initial->*part) : nullptr;
    }

    /// The last periods are targets for validation only.
    void holdOut()
    {
        const auto [low, high] = std::minmax_element(m_rows.period.begin(), m_rows.period.end());
        const auto span = *high - *low + 1;
        auto periods = static_cast<std::int64_t>(m_options.validation);
        if (periods == 0)
            periods = std::max<std::int64_t>(m_options.horizon, 10);
        periods = std::min(periods, std::max<std::int64_t>(1, span / 3));
        if (span < 4)
            periods = 0;
        m_isHeldOut.resize(m_rows.size());
        for (std::size_t i = 0; i < m_rows.size(); ++i) {
            m_isHeldOut[i] = m_rows.period[i] > *high - periods ? 1 : 0;
        }
    }

    [[nodiscard]] bool isOutOfTime() const
    {
        return m_monitor.clock().now() >= m_monitor.deadline();
    }

    [[nodiscard]] std::vector<double> scoresOf(const TreeModel &model) const
    {
        std::vector<double> scores(m_rows.size());
        std::vector<float> row(m_rows.features.size());
        for (std::size_t i = 0; i < scores.size(); ++i) {
            m_rows.copyRow(i, row);
            scores[i] = model.score(row);
        }
        return scores;
    }

    Result<> save()
    {
        const auto bytes = m_state.bytes();
        if (!bytes)
            return tl::unexpected(bytes.error());
        return m_monitor.checkpoint(*bytes);
    }

    void tellLoss(const std::string &name, const std::vector<double> &losses)
    {
        if (!losses.empty())
            m_model.metrics["validation loss of " + name] =
                *std::min_element(losses.begin(), losses.end());
    }

    /// Grows trees until the count, the patience or the time is used up; with `losses` empty no
    /// validation is done and all `count` trees stay.
    Result<TreeModel> grow(const std::string &name, Loss loss, const BoostOptions &options,
                           std::span<const float> target, std::span<const float> weight,
                           std::span<const float> validation, int count, const TreeModel *initial,
                           std::uint32_t &best)
    {
        if (const auto done = m_state.finished.find(name); done != m_state.finished.end()) {
            best = done->second.best;
            tellLoss(name, done->second.losses);
            return treesOf(done->second);
        }
        Booster booster(*m_bins, loss, target, weight, options, m_crew);
        std::vector<double> losses;
        if (m_state.name == name) {
            losses = m_state.current.losses;
            best = m_state.current.best;
            auto model = treesOf(m_state.current);
            auto scores = scoresOf(model);
            booster.resume(std::move(model), std::move(scores));
        } else if (initial) {
            booster.resume(*initial, scoresOf(*initial));
            best = static_cast<std::uint32_t>(initial->trees());
        }
        const auto start = initial ? initial->trees() : 0;
        const auto end = start + static_cast<std::size_t>(count);
        while (booster.model().trees() < end) {
            if (m_monitor.stop().stop_requested())
                return fail(ErrorCode::Halted, "The training was stopped; nothing was written");
            const auto grown = booster.model().trees();
            if (!validation.empty() && grown % 10 == 0) {
                const double now =
                    meanLoss(loss, target, validation, booster.scores(), options.tau);
                m_monitor.metric("validation loss of " + name, static_cast<std::int64_t>(grown),
                                 now);
                if (!std::isfinite(now))
                    return fail(ErrorCode::Internal, "The loss became NaN");
                const double least =
                    losses.empty() ? now : *std::min_element(losses.begin(), losses.end());
                if (losses.empty() || now < least)
                    best = static_cast<std::uint32_t>(grown);
                losses.push_back(now);
                if (grown >= best + static_cast<std::size_t>(m_options.patience))
                    break;
            }
            if (isOutOfTime()) {
                m_monitor.note("The time limit ended the training of the part " + name + " at "
                               + std::to_string(grown) + " trees");
                break;
            }
            booster.step();
            m_monitor.progress("Part " + name + ": tree " + std::to_string(grown + 1) + " of "
                                   + std::to_string(end),
                               -1);
            if (m_monitor.isCheckpointDue()) {
                m_state.name = name;
                m_state.current = packedPart(booster.model());
                m_state.current.best = best;
                m_state.current.losses = losses;
                DR_RETURN_IF_ERROR(save());
            }
        }
        tellLoss(name, losses);
        auto model = booster.take();
        auto part = packedPart(model);
        part.best = best;
        part.losses = losses;
        m_state.finished[name] = std::move(part);
        m_state.name.clear();
        m_state.current = {};
        return model;
    }

    /// One part: validated on the held-out rows, then grown again on everything. `heldOut` gets the
    /// scores of all rows by the model that had not learned from the held-out ones.
    Result<TreeModel> boost(const std::string &name, Loss loss, const std::vector<float> &target,
                            const std::vector<float> &weight, const TreeModel *initial,
                            std::vector<double> *heldOut)
    {
        BoostOptions options;
        options.tree.leaves = m_options.leaves;
        options.tree.leastRows = m_options.leastRows;
        options.rate = m_options.rate;
        options.columns = m_options.columns;
        options.rows = m_options.rows;
        options.seed = m_seed;
        for (const char c : name) // a stream of its own for every part
            options.stream = options.stream * 131 + static_cast<unsigned char>(c);
        std::vector<float> learn(weight), judge(weight);
        double judged = 0;
        for (std::size_t i = 0; i < weight.size(); ++i) {
            (m_isHeldOut[i] ? learn : judge)[i] = 0;
            judged += static_cast<double>(judge[i]);
        }
        std::uint32_t best = 0;
        auto count = m_options.trees;
        if (judged >= 1) {
            const auto validated = grow(name + ".validated", loss, options, target, learn, judge,
                                        m_options.trees, initial, best);
            if (!validated)
                return validated;
            auto kept = firstTrees(*validated, best);
            if (heldOut)
                *heldOut = scoresOf(kept);
            if (isOutOfTime())
                return kept;
            const auto start = initial ? initial->trees() : 0;
            count = static_cast<int>(best - start);
            m_model.metrics["trees of " + name] = static_cast<double>(best);
        } else {
            // Nothing to judge by: a small model is the safe one.
            count = std::min(count, 50);
        }
        std::uint32_t ignored = 0;
        auto whole = grow(name, loss, options, target, weight, {}, count, initial, ignored);
        if (whole && heldOut && heldOut->empty())
            *heldOut = scoresOf(*whole);
        return whole;
    }

    /// Spread and law from the residuals of the held-out rows.
    Result<> learnLaw(const std::vector<float> &logs, const std::vector<float> &sells,
                      const std::vector<double> &location)
    {
        std::vector<float> weight(m_rows.size());
        std::size_t count = 0;
        for (std::size_t i = 0; i < weight.size(); ++i) {
            weight[i] = m_isHeldOut[i] && sells[i] > 0 ? 1.0f : 0.0f;
            count += weight[i] > 0 ? 1u : 0u;
        }
        if (count < kLeastHeldOut) {
            weight = sells;
            count = static_cast<std::size_t>(
                std::count_if(weight.begin(), weight.end(), [](float w) { return w > 0; }));
            m_monitor.note("Too few held-out periods sold anything; the width of the quantiles "
                           "comes from the training periods and may be too narrow");
        }
        std::vector<double> residuals;
        for (std::size_t i = 0; i < weight.size(); ++i) {
            if (weight[i] > 0)
                residuals.push_back(std::abs(static_cast<double>(logs[i]) - location[i]));
        }
        double typical = 0;
        if (!residuals.empty()) {
            const auto middle =
                residuals.begin() + static_cast<std::ptrdiff_t>(residuals.size() / 2);
            std::nth_element(residuals.begin(), middle, residuals.end());
            typical = *middle;
        }
        // The floor keeps a residual of 0 from being minus infinity.
        const double least = 0.1 * typical + 1e-3;
        std::vector<float> target(m_rows.size());
        for (std::size_t i = 0; i < target.size(); ++i)
            target[i] = static_cast<float>(
                std::log(std::abs(static_cast<double>(logs[i]) - location[i]) + least));
        BoostOptions options;
        options.tree.leaves = 8;
        options.tree.leastRows = static_cast<int>(std::clamp<std::size_t>(count / 40, 20, 1000));
        options.rate = 0.05;
        options.columns = m_options.columns;
        options.seed = m_seed;
        options.stream = 0x5B4EAD;
        std::uint32_t ignored = 0;
        auto spread =
            grow("spread", Loss::Squared, options, target, weight, {}, 60, nullptr, ignored);
        if (!spread)
            return tl::unexpected(spread.error());
        m_model.spread = std::move(*spread);
        const auto scores = scoresOf(m_model.spread);
        std::vector<double> standard;
        auto &schema = m_model.schema;
        schema.spreadLeast = 1e9;
        schema.spreadMost = 0;
        for (std::size_t i = 0; i < weight.size(); ++i) {
            if (weight[i] <= 0)
                continue;
            const double s = std::exp(scores[i]);
            schema.spreadLeast = std::min(schema.spreadLeast, s);
            schema.spreadMost = std::max(schema.spreadMost, s);
            standard.push_back((static_cast<double>(logs[i]) - location[i]) / s);
        }
        if (standard.empty()) { // nothing ever sold
            standard.push_back(0);
            schema.spreadLeast = schema.spreadMost = 1e-3;
        }
        schema.law = lawOf(std::move(standard));
        double sold = 0, meant = 0;
        for (std::size_t i = 0; i < weight.size(); ++i) {
            if (weight[i] <= 0)
                continue;
            sold += static_cast<double>(m_rows.sold[i]);
            meant += std::exp(m_rows.level[i] + location[i]);
        }
        schema.meanFactor = meant > 0 ? std::clamp(sold / meant, 0.2, 20.0) : 1.0;
        return {};
    }

    DemandOptions m_options;
    std::uint64_t m_seed;
    TrainMonitor &m_monitor;
    const DemandModel *m_initial;
    WorkCrew m_crew;
    DemandModel m_model;
    TrainingRows m_rows;
    std::optional<Bins> m_bins;
    std::vector<std::uint8_t> m_isHeldOut;
    DemandState m_state;
};

} // namespace

void settle(DemandOptions &options, const DemandTable &table, DemandSchema &schema)
{
    std::size_t longest = 1;
    for (const auto &series : table.series)
        longest = std::max(longest, series.values.size());
    const auto length = static_cast<int>(std::min<std::size_t>(longest, 100'000));
    if (options.horizon == 0)
        options.horizon = std::clamp(length / 8, 1, 28);
    options.horizon = std::max(options.horizon, options.firstStep);
    schema.horizon = options.horizon;
    schema.window =
        options.window > 0 ? options.window : std::clamp(2 * schema.season + 26, 60, 800);
    schema.lags = options.lags > 0 ? options.lags : std::clamp(length / 3, 4, 18);
    schema.lags = std::min(schema.lags, schema.window);
    if (options.leaves == 0) {
        const auto rows = static_cast<double>(longest) * static_cast<double>(table.series.size());
        options.leaves = rows < 5'000 ? 15 : rows < 50'000 ? 31 : 63;
    }
    // A law that passes DemandSchema::read even before it is learned.
    schema.law = {-1.0f, 0.0f, 1.0f};
}

Result<DemandModel> trainDemand(const DemandTable &table, DemandSchema schema,
                                const DemandOptions &options, std::uint64_t seed, int threads,
                                TrainMonitor &monitor, const DemandModel *initial)
{
    try {
        return Trainer(table, std::move(schema), options, seed, threads, monitor, initial).run();
    } catch (const std::exception &error) {
        return fail(ErrorCode::Internal, "Training failed: " + std::string(error.what()));
    }
}

} // namespace engine
