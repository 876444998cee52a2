#include "engine/training/evaluate.h"

#include "engine/data/parallel.h"
#include "engine/training/rank_metrics.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <mutex>

namespace engine {
namespace {

constexpr std::size_t kBlockFloats = std::size_t{32}
                                     << 20; // 128 MB of scores, all threads together
constexpr std::size_t kMostPerBlock = 60;   // scorers take histories six by six
constexpr int kCoverage = 20;
constexpr std::size_t kSegments = 4;
constexpr std::array<const char *, kSegments> kSegmentNames{"head", "torso", "tail", "cold"};
constexpr std::size_t kCold = 3;

/// A shopper to be judged.
struct Case
{
    std::size_t shopper = 0, missed = 0;
};

/// Which third of the events an item's takings fall into, most taken first.
std::vector<std::uint8_t> segmentsOf(const Dataset &history)
{
    std::vector<std::uint64_t> counts(history.items, 0);
    for (const auto item : history.events)
        ++counts[item];
    std::vector<std::uint8_t> segment(history.items, 2);
    std::uint64_t before = 0;
    for (const auto item : popularityOrder(history)) {
        segment[item] = static_cast<std::uint8_t>(
            history.events.empty()
                ? 2
                : std::min<std::uint64_t>(2, 3 * before / history.events.size()));
        before += counts[item];
    }
    return segment;
}

/// The rows of metrics of some part of the cases; rows of cases outside it are not marked.
struct Rows
{
    explicit Rows(std::size_t cases) : values(cases), marked(cases, 0) {}
    std::vector<RankMetrics> values;
    std::vector<std::uint8_t> marked;
    void set(std::size_t at, const RankMetrics &row)
    {
        values[at] = row;
        marked[at] = 1;
    }
    [[nodiscard]] SegmentQuality quality(const EvaluateOptions &options,
                                         std::map<std::string, double> *errors) const
    {
        std::vector<double> flat;
        for (std::size_t i = 0; i < values.size(); ++i) {
            if (marked[i])
                flat.insert(flat.end(), values[i].begin(), values[i].end());
        }
        SegmentQuality quality;
        quality.users = flat.size() / kRankMetrics.size();
        if (quality.users == 0)
            return quality;
        const auto n = static_cast<double>(quality.users);
        const auto intervals =
            bootstrapMeans(flat, kRankMetrics.size(), options.seed, options.threads);
        for (std::size_t c = 0; c < kRankMetrics.size(); ++c) {
            double sum = 0, squares = 0;
            for (std::size_t i = c; i < flat.size(); i += kRankMetrics.size()) {
                sum += flat[i];
                squares += flat[i] * flat[i];
            }
            const double mean = sum / n;
            quality.metrics[kRankMetrics[c]] = mean;
            quality.intervals[kRankMetrics[c]] = intervals[c];
            if (errors)
                (*errors)[kRankMetrics[c]] =
                    std::sqrt(std::max(0.0, squares / n - mean * mean) / n);
        }
        return quality;
    }
};

class Judge
{
public:
    Judge(const FullScorer &model, const Dataset &history, const Dataset &test,
          const EvaluateOptions &options)
        : m_model(model), m_history(history), m_test(test), m_options(options),
          m_segment(segmentsOf(history)), m_all(0), m_shown(history.items)
    {
        for (std::size_t s = 0; s < history.shoppers(); ++s) {
            const Case one{s, options.missed.empty() ? 0u : options.missed[s]};
            if (!test.of(s).empty() || one.missed > 0)
                m_cases.push_back(one);
        }
        m_all = Rows(m_cases.size());
        m_parts.assign(kSegments, Rows(m_cases.size()));
    }

    [[nodiscard]] Result<> run()
    {
        const auto threads = std::max(1u, m_options.threads);
        const auto perBlock =
            std::clamp<std::size_t>(kBlockFloats / threads / m_model.stride(), 1, kMostPerBlock);
        forChunks(
            m_cases.size(), perBlock, threads,
            [&](std::size_t first, std::size_t end) {
                if (m_failed || m_options.stop.stop_requested())
                    return;
                if (auto done = judge(first, end); !done) {
                    const std::scoped_lock lock(m_mutex);
                    m_error = std::move(done.error());
                    m_failed = true;
                }
            },
            m_options.progress);
        if (m_options.stop.stop_requested())
            return fail(ErrorCode::Halted, "The evaluation was stopped");
        if (m_failed)
            return tl::unexpected(m_error);
        return {};
    }

    [[nodiscard]] Evaluation result() const
    {
        Evaluation evaluation;
        auto whole = m_all.quality(m_options, &evaluation.standardErrors);
        evaluation.users = whole.users;
        evaluation.metrics = std::move(whole.metrics);
        evaluation.intervals = std::move(whole.intervals);
        for (std::size_t s = 0; s < kSegments; ++s) {
            auto part = m_parts[s].quality(m_options, nullptr);
            if (part.users > 0)
                evaluation.segments[kSegmentNames[s]] = std::move(part);
        }
        const auto shown = std::count_if(m_shown.begin(), m_shown.end(),
                                         [](const auto &flag) { return flag > 0; });
        evaluation.metrics["coverage@20"] =
            static_cast<double>(shown) / static_cast<double>(m_shown.size());
        if (m_repeated > 0)
            evaluation.counts["test items already in the history"] = m_repeated;
        return evaluation;
    }

private:
    [[nodiscard]] std::vector<std::int64_t> ordered(std::size_t shopper) const
    {
        const auto events = m_history.of(shopper);
        return {events.begin(), events.end()};
    }

    [[nodiscard]] Result<> judge(std::size_t first, std::size_t end)
    {
        std::vector<std::vector<std::int64_t>> histories;
        for (auto at = first; at < end; ++at)
            histories.push_back(ordered(m_cases[at].shopper));
        auto scores = takeScores();
        scores.resize(histories.size() * m_model.stride());
        DR_RETURN_IF_ERROR(m_model.scoreAll(histories, scores));
        for (auto at = first; at < end; ++at) {
            const std::span row(scores.data() + (at - first) * m_model.stride(), m_model.items());
            rank(at, row, knownItems(histories[at - first], m_model.items()));
        }
        const std::scoped_lock lock(m_mutex);
        m_scores.push_back(std::move(scores));
        return {};
    }

    /// Memory of a block that is done: fresh megabytes for each cost time.
    [[nodiscard]] std::vector<float> takeScores()
    {
        const std::scoped_lock lock(m_mutex);
        if (m_scores.empty())
            return {};
        auto scores = std::move(m_scores.back());
        m_scores.pop_back();
        return scores;
    }

    /// The shopper's test items outside `known`, each once.
    [[nodiscard]] std::vector<std::uint32_t> wanted(std::size_t shopper,
                                                    std::span<const std::int64_t> known)
    {
        const auto labels = m_test.of(shopper);
        std::vector<std::uint32_t> wanted(labels.begin(), labels.end());
        std::sort(wanted.begin(), wanted.end());
        wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());
        m_repeated += std::erase_if(wanted, [&](std::uint32_t item) {
            return std::binary_search(known.begin(), known.end(), static_cast<std::int64_t>(item));
        });
        return wanted;
    }

    void rank(std::size_t at, std::span<const float> scores, const std::vector<std::int64_t> &known)
    {
        const auto labels = wanted(m_cases[at].shopper, known);
        if (labels.empty() && m_cases[at].missed == 0)
            return;
        const auto ranks = ranksAgainstModel(scores, known, labels);
        const auto row = rankMetrics(ranks, m_cases[at].missed);
        m_all.set(at, row);
        for (std::size_t s = 0; s < kCold; ++s) {
            std::vector<std::size_t> part;
            for (std::size_t i = 0; i < ranks.size(); ++i) {
                if (m_segment[labels[i]] == s)
                    part.push_back(ranks[i]);
            }
            if (!part.empty())
                m_parts[s].set(at, rankMetrics(std::move(part)));
        }
        if (known.size() < kColdItems)
            m_parts[kCold].set(at, row);
        for (const auto item : bestOf(scores, known, kCoverage).items)
            m_shown[static_cast<std::size_t>(item)].store(1, std::memory_order_relaxed);
    }

    const FullScorer &m_model;
    const Dataset &m_history, &m_test;
    const EvaluateOptions &m_options;
    std::vector<std::uint8_t> m_segment;
    std::vector<Case> m_cases;
    Rows m_all; ///< threads write different rows
    std::vector<Rows> m_parts;
    std::vector<std::atomic<std::uint8_t>> m_shown;
    std::atomic<std::uint64_t> m_repeated{0};
    std::mutex m_mutex; ///< protects m_error and m_scores
    std::vector<std::vector<float>> m_scores;
    std::atomic<bool> m_failed{false};
    Error m_error;
};

} // namespace

Dataset testPart(const Dataset &whole, const Split &split)
{
    std::vector<std::vector<std::uint32_t>> labels(whole.shoppers());
    for (const auto &row : split.test)
        labels[row.shopper].push_back(row.label);
    Dataset test;
    test.items = whole.items;
    test.synthetic = whole.synthetic;
    test.offsets = {0};
    for (const auto &part : labels) {
        test.events.insert(test.events.end(), part.begin(), part.end());
        test.offsets.push_back(test.events.size());
    }
    return test;
}

Result<Evaluation> evaluate(const FullScorer &model, const Dataset &history, const Dataset &test,
                            const Clock &clock, const EvaluateOptions &options)
{
    if (history.shoppers() != test.shoppers() || model.items() != history.items
        || model.items() != test.items
        || (!options.missed.empty() && options.missed.size() != test.shoppers()))
        return fail(ErrorCode::InvalidInput,
                    "The model, the history and the test part do not have the same items and "
                    "shoppers");
    const auto start = clock.now();
    Judge judge(model, history, test, options);
    DR_RETURN_IF_ERROR(judge.run());
    auto evaluation = judge.result();
    evaluation.seconds = static_cast<double>((clock.now() - start).count()) / 1e6;
    return evaluation;
}

} // namespace engine
