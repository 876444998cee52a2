#include "engine/training/ctr/click_trainer.h"

#include "engine/base/random.h"
#include "engine/training/ctr/click_metrics.h"
#include "engine/training/ctr/click_package.h"
#include "engine/training/ctr/logistic_fit.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <mutex>
#include <numeric>
#include <thread>

namespace engine {
namespace {

constexpr std::uint64_t kFoldStream = 0xC7B5;

ClickNetShape shapeOf(const FeatureEncoder &encoder, const NetOptions &options)
{
    ClickNetShape shape;
    shape.codes = encoder.codes();
    shape.fields = encoder.fields();
    shape.dense = encoder.dense();
    shape.hasBag = encoder.schema().hasBag();
    shape.dimension = static_cast<std::size_t>(options.dimension);
    shape.hidden = static_cast<std::size_t>(options.hidden);
    shape.layers = static_cast<std::size_t>(options.layers);
    // The values of a bag meet each other only in the pooled form; and the pairs of very many
    // columns are too many for the top MLP.
    shape.dots = options.dots && !shape.hasBag && shape.vectors() <= 64;
    shape.concat = options.concat && shape.fields <= 512;
    return shape;
}

/// Trains the parts on threads of their own; the calling one works too and alone talks to the
/// monitor.
class PartRunner
{
public:
    PartRunner(const ClickRows &rows, const FeatureEncoder &encoder,
               std::span<const ClickFold> folds, const ClickOptions &options,
               const ClickNetShape &shape, TrainMonitor &monitor)
        : m_rows(rows), m_encoder(encoder), m_folds(folds), m_options(options), m_shape(shape),
          m_monitor(monitor), m_clock(monitor.clock()), m_stop(monitor.stop()),
          m_deadline(monitor.deadline())
    {
        const bool hasTrees = options.models != "net" && treeFeatures(encoder) > 0;
        m_netsPerFold = options.models == "trees" && hasTrees ? 0 : options.members;
        m_perFold = static_cast<std::uint32_t>(m_netsPerFold + (hasTrees ? 1 : 0));
        m_count = m_perFold * static_cast<std::uint32_t>(folds.size());
    }

    Result<std::map<std::uint32_t, ClickPart>> run()
    {
        if (const auto saved = m_monitor.resumeFrom()) {
            auto parts = loadParts(*saved, m_shape);
            if (!parts)
                return tl::unexpected(parts.error());
            m_parts = std::move(*parts);
        }
        const auto workers = std::clamp(static_cast<std::uint32_t>(m_options.threads), 1u, m_count);
        m_threadsEach = std::max(1, m_options.threads / static_cast<int>(workers));
        {
            std::vector<std::jthread> helpers;
            for (std::uint32_t i = 1; i < workers; ++i)
                helpers.emplace_back([this] { work(false); });
            work(true);
        }
        if (m_stop.stop_requested()) {
            DR_RETURN_IF_ERROR(saveCheckpoint());
            return fail(ErrorCode::Halted, "The training was stopped; nothing was written");
        }
        DR_RETURN_IF_ERROR(m_failure);
        for (const auto &[number, part] : m_parts)
            tellCurve(number);
        return std::move(m_parts);
    }

    [[nodiscard]] std::size_t foldOf(std::uint32_t number) const { return number / m_perFold; }

private:
    void work(bool isCaller)
    {
        for (;;) {
            const auto number = m_next.fetch_add(1);
            if (number >= m_count || m_stop.stop_requested())
                return;
            {
                const std::lock_guard lock(m_mutex);
                if (!m_failure)
                    return;
                if (m_parts.contains(number)) {
                    ++m_done;
                    continue;
                }
            }
            auto part = train(number, isCaller);
            const std::lock_guard lock(m_mutex);
            if (!part) {
                if (m_failure)
                    m_failure = tl::unexpected(part.error());
                return;
            }
            if (m_stop.stop_requested())
                return; // cut short: to be trained again
            m_parts[number] = std::move(*part);
            ++m_done;
            if (isCaller && m_monitor.isCheckpointDue() && m_failure) {
                if (auto saved = checkpoint(); !saved)
                    m_failure = std::move(saved);
            }
        }
    }

    [[nodiscard]] Result<> checkpoint()
    {
        const auto bytes = saveParts(m_parts);
        if (!bytes)
            return tl::unexpected(bytes.error());
        return m_monitor.checkpoint(*bytes);
    }
    /// At a stop: only if checkpoints are kept at all.
    [[nodiscard]] Result<> saveCheckpoint()
    {
        return m_monitor.isCheckpointDue() && !m_parts.empty() ? checkpoint() : Result<>{};
    }

    /// The time at which a part that starts now ends with its best so far: its fair share.
    [[nodiscard]] MonoTime limit() const
    {
        const auto now = m_clock.now();
        const auto left = m_count - std::min(m_done.load(), m_count - 1);
        const auto workers = std::min<std::uint32_t>(
            left, static_cast<std::uint32_t>(std::max(1, m_options.threads)));
        const auto rest = std::max(m_deadline - now, MonoTime::duration::zero());
        return now + rest * static_cast<int>(workers) / static_cast<int>(left);
    }

    bool goesOn(std::uint32_t number, bool isCaller, MonoTime limit, const std::string &what,
                double part)
    {
        if (isCaller)
            m_monitor.progress("Part " + std::to_string(number + 1) + " of "
                                   + std::to_string(m_count) + ": " + what,
                               (static_cast<double>(m_done.load()) + std::clamp(part, 0.0, 1.0))
                                   / static_cast<double>(m_count));
        if (m_clock.now() >= limit) {
            m_isCut = true;
            return false;
        }
        return !m_stop.stop_requested();
    }

    Result<ClickPart> train(std::uint32_t number, bool isCaller)
    {
        const auto &fold = m_folds[foldOf(number)];
        const auto kind = static_cast<int>(number % m_perFold);
        const auto until = limit();
        ClickPart part;
        part.isNet = kind < m_netsPerFold;
        if (!part.isNet) {
            auto options = m_options.trees;
            options.threads = m_threadsEach;
            options.seed = m_options.seed * 1000 + number;
            auto trained =
                trainTrees(m_rows, m_encoder, fold.train, fold.validation, options,
                           [&](int round, double loss) {
                               return goesOn(number, isCaller, until,
                                             "tree " + std::to_string(round) + ", log-loss "
                                                 + std::to_string(loss),
                                             static_cast<double>(round) / options.rounds);
                           });
            part.trees = std::move(trained.set);
            part.logits = std::move(trained.validationLogits);
            part.loss = trained.bestLoss;
            return part;
        }
        setNetThreads(m_threadsEach);
        auto options = m_options.net;
        options.seed = m_options.seed * 1000 + number;
        auto trained = trainNet(m_rows, m_shape, fold.train, fold.validation, options, m_clock,
                                [&](const NetRound &round) {
                                    const bool on = goesOn(
                                        number, isCaller, until,
                                        "epoch " + std::to_string(round.epoch).substr(0, 5)
                                            + ", log-loss " + std::to_string(round.validationLoss),
                                        round.epoch / options.epochs);
                                    const std::lock_guard lock(m_mutex);
                                    m_curves[number].push_back(round);
                                    return on;
                                });
        if (!trained)
            return tl::unexpected(trained.error());
        part.net = std::move(trained->net);
        part.logits = std::move(trained->validationLogits);
        part.loss = trained->bestLoss;
        part.rowsPerSecond = trained->rowsPerSecond;
        const std::lock_guard lock(m_mutex);
        m_rollBacks += trained->rollBacks;
        return part;
    }

    /// After the work: curves are told by the caller's thread, part by part.
    void tellCurve(std::uint32_t number)
    {
        if (number == 0 && m_rollBacks > 0)
            m_monitor.note("The training went back " + std::to_string(m_rollBacks)
                           + " times after a loss that was no number, with a smaller rate");
        if (number == 0 && m_isCut)
            m_monitor.note("The time limit ended the training; the best so far was kept");
        const auto name = m_count > m_perFold ? " part " + std::to_string(number + 1) : "";
        for (const auto &round : m_curves[number]) {
            m_monitor.metric("train logloss" + name, round.round, round.trainLoss);
            m_monitor.metric("validation logloss" + name, round.round, round.validationLoss);
        }
    }

    const ClickRows &m_rows;
    const FeatureEncoder &m_encoder;
    std::span<const ClickFold> m_folds;
    const ClickOptions &m_options;
    const ClickNetShape &m_shape;
    TrainMonitor &m_monitor;
    const Clock &m_clock;
    std::stop_token m_stop;
    MonoTime m_deadline;
    int m_netsPerFold = 1, m_threadsEach = 1;
    std::uint32_t m_perFold = 1, m_count = 0;
    std::atomic<std::uint32_t> m_next{0}, m_done{0};
    std::atomic<bool> m_isCut{false};
    std::mutex m_mutex; // protects what follows
    std::map<std::uint32_t, ClickPart> m_parts;
    std::map<std::uint32_t, std::vector<NetRound>> m_curves;
    int m_rollBacks = 0;
    Result<> m_failure;
};

/// What the kinds say to the rows that they did not see, row by row.
struct LeftOut
{
    std::vector<double> trees, nets;
    std::vector<std::uint8_t> labels;
    double treeLoss = 0, netLoss = 0;
};

double meanLogLoss(std::span<const double> logits, std::span<const std::uint8_t> labels)
{
    double sum = 0;
    for (std::size_t i = 0; i < logits.size(); ++i)
        sum += logLossOf(clickProbability(logits[i]), labels[i] != 0);
    return sum / static_cast<double>(std::max<std::size_t>(logits.size(), 1));
}

Blend fitBlend(const LeftOut &rows)
{
    Blend blend;
    blend.trees = blend.nets = 0;
    std::vector<std::span<const double>> columns;
    std::vector<double *> weights;
    if (!rows.trees.empty()) {
        columns.emplace_back(rows.trees);
        weights.push_back(&blend.trees);
    }
    if (!rows.nets.empty()) {
        columns.emplace_back(rows.nets);
        weights.push_back(&blend.nets);
    }
    const auto fit = fitLogistic(columns, rows.labels, 1.0);
    blend.bias = fit.bias;
    for (std::size_t k = 0; k < weights.size(); ++k)
        *weights[k] = fit.weights[k];
    return blend;
}

std::vector<double> blended(const Blend &blend, const LeftOut &rows)
{
    std::vector<double> p(rows.labels.size());
    for (std::size_t i = 0; i < p.size(); ++i)
        p[i] = blend.probability(rows.trees.empty() ? 0 : rows.trees[i],
                                 rows.nets.empty() ? 0 : rows.nets[i]);
    return p;
}

/// Isotonic points where they lower the log-loss of rows that they were not fitted to.
void calibrate(Blend &blend, const LeftOut &rows, const std::string &how)
{
    const auto p = blended(blend, rows);
    const auto least = std::max<std::size_t>(50, p.size() / 50);
    if (how == "temperature" || p.size() < 2000)
        return;
    if (how == "auto") {
        double before = 0, after = 0;
        for (const std::size_t half : {std::size_t{0}, std::size_t{1}}) {
            std::vector<double> fitted;
            std::vector<std::uint8_t> labels;
            for (std::size_t i = half; i < p.size(); i += 2) {
                fitted.push_back(p[i]);
                labels.push_back(rows.labels[i]);
            }
            const auto points = fitIsotonic(fitted, labels, least / 2);
            for (std::size_t i = 1 - half; i < p.size(); i += 2) {
                const bool label = rows.labels[i] != 0;
                before += logLossOf(p[i], label);
                after += logLossOf(std::clamp(interpolate(points, p[i]), 1e-7, 1 - 1e-7), label);
            }
        }
        if (!(after < before * 0.999))
            return;
    }
    blend.points = fitIsotonic(p, rows.labels, least);
}

} // namespace

std::vector<ClickFold> drawFolds(const ClickRows &rows, int folds, double holdOut,
                                 std::uint64_t seed)
{
    // Groups in a drawn order, those with a click first; dealt out in turn, each fold gets the same
    // share of clicks and of rows.
    struct Group
    {
        bool hasClick = false;
        std::uint64_t key = 0;
        std::vector<std::uint32_t> rows;
    };
    std::unordered_map<std::uint64_t, std::size_t> at;
    std::vector<Group> groups;
    for (std::uint32_t r = 0; r < rows.rows(); ++r) {
        const auto [found, isNew] = at.emplace(rows.groups[r], groups.size());
        if (isNew)
            groups.push_back({false, Random(seed ^ rows.groups[r], kFoldStream).bits(), {}});
        auto &group = groups[found->second];
        group.hasClick = group.hasClick || rows.labels[r] != 0;
        group.rows.push_back(r);
    }
    std::sort(groups.begin(), groups.end(), [](const Group &a, const Group &b) {
        return a.hasClick != b.hasClick ? a.hasClick
               : a.key != b.key         ? a.key < b.key
                                        : a.rows.front() < b.rows.front();
    });
    const auto parts =
        folds > 1 ? static_cast<std::size_t>(folds)
                  : std::max<std::size_t>(2, static_cast<std::size_t>(std::llround(1.0 / holdOut)));
    std::vector<std::vector<std::uint32_t>> dealt(parts);
    for (std::size_t g = 0; g < groups.size(); ++g)
        dealt[g % parts].insert(dealt[g % parts].end(), groups[g].rows.begin(),
                                groups[g].rows.end());
    std::vector<ClickFold> result(folds > 1 ? parts : 1);
    for (std::size_t f = 0; f < result.size(); ++f) {
        for (std::size_t part = 0; part < parts; ++part) {
            auto &to = part == f ? result[f].validation : result[f].train;
            to.insert(to.end(), dealt[part].begin(), dealt[part].end());
        }
        std::sort(result[f].train.begin(), result[f].train.end());
        std::sort(result[f].validation.begin(), result[f].validation.end());
    }
    return result;
}

Result<ClickModel> trainClicks(const ClickRows &rows, const FeatureEncoder &encoder,
                               std::span<const ClickFold> folds, const ClickOptions &options,
                               TrainMonitor &monitor)
{
    ClickModel model;
    model.shape = shapeOf(encoder, options.net);
    PartRunner runner(rows, encoder, folds, options, model.shape, monitor);
    auto parts = runner.run();
    if (!parts)
        return tl::unexpected(parts.error());

    LeftOut leftOut;
    double netParts = 0;
    for (std::size_t f = 0; f < folds.size(); ++f) {
        const auto &validation = folds[f].validation;
        for (const auto row : validation)
            leftOut.labels.push_back(rows.labels[row]);
        std::vector<double> nets(validation.size(), 0.0);
        double count = 0;
        for (auto &[number, part] : *parts) {
            if (runner.foldOf(number) != f)
                continue;
            if (!part.isNet) {
                leftOut.trees.insert(leftOut.trees.end(), part.logits.begin(), part.logits.end());
                model.treeSets.push_back(std::move(part.trees));
                continue;
            }
            for (std::size_t i = 0; i < nets.size(); ++i)
                nets[i] += part.logits[i];
            count += 1;
            netParts += 1;
            model.netRowsPerSecond += part.rowsPerSecond;
            model.nets.push_back(std::move(part.net));
        }
        for (auto &logit : nets)
            logit /= std::max(count, 1.0);
        if (count > 0)
            leftOut.nets.insert(leftOut.nets.end(), nets.begin(), nets.end());
    }
    model.netRowsPerSecond /= std::max(netParts, 1.0);
    if (!leftOut.trees.empty())
        model.treeLoss = meanLogLoss(leftOut.trees, leftOut.labels);
    if (!leftOut.nets.empty())
        model.netLoss = meanLogLoss(leftOut.nets, leftOut.labels);

    model.blend = fitBlend(leftOut);
    // A kind with next to no say only makes the model large and slow.
    const double all = model.blend.trees + model.blend.nets;
    if (!model.nets.empty() && !model.treeSets.empty()) {
        if (model.blend.nets < 0.03 * all) {
            model.nets.clear();
            leftOut.nets.clear();
            model.blend = fitBlend(leftOut);
        } else if (model.blend.trees < 0.03 * all) {
            model.treeSets.clear();
            leftOut.trees.clear();
            model.blend = fitBlend(leftOut);
        }
    }
    calibrate(model.blend, leftOut, options.calibration);
    model.validation = clickMetrics(blended(model.blend, leftOut), leftOut.labels);
    return model;
}

double modelProbability(const ClickModel &model, const FeatureEncoder &encoder,
                        const EncodedRow &row, CtrScratch &scratch)
{
    return blendedProbability(encoder, model.nets, model.treeSets, model.blend, row, scratch);
}

} // namespace engine
