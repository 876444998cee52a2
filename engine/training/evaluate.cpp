#include "engine/training/evaluate.h"

#include "engine/training/rank_metrics.h"

#include <algorithm>
#include <cmath>

namespace engine {
namespace {

constexpr std::size_t kBlockFloats = std::size_t{16} << 20; // 64 MB of scores

/// Sums for a mean and its standard error.
struct Mean
{
    double sum = 0, squares = 0;
    void add(double value)
    {
        sum += value;
        squares += value * value;
    }
};

double gain(std::size_t rank)
{
    return 1.0 / std::log2(1.0 + static_cast<double>(rank));
}

/// Ranks among all unmasked items when every relevant one is in the list (the best possible list
/// has them first).
void addMetrics(std::vector<std::size_t> ranks, std::map<std::string, Mean> &means)
{
    std::sort(ranks.begin(), ranks.end());
    for (const std::size_t k : {10, 20}) {
        double dcg = 0, ideal = 0;
        std::size_t hits = 0;
        for (std::size_t i = 0; i < ranks.size(); ++i) {
            if (ranks[i] <= k) {
                dcg += gain(ranks[i]);
                ++hits;
            }
            if (i < k)
                ideal += gain(i + 1);
        }
        const auto name = "@" + std::to_string(k);
        means["ndcg" + name].add(dcg / ideal);
        means["hr" + name].add(hits > 0 ? 1 : 0);
        means["recall" + name].add(static_cast<double>(hits) / static_cast<double>(ranks.size()));
    }
    means["mrr"].add(1.0 / static_cast<double>(ranks.front()));
}

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
                            const Clock &clock, const std::function<void(std::size_t)> &onShoppers,
                            std::stop_token stop)
{
    if (history.shoppers() != test.shoppers() || model.items() != history.items
        || model.items() != test.items)
        return fail(ErrorCode::InvalidInput,
                    "The model, the history and the test part do not have the same items and "
                    "shoppers");
    const auto start = clock.now();
    const std::size_t perBlock = std::clamp<std::size_t>(kBlockFloats / model.stride(), 1, 64);
    std::vector<float> scores(perBlock * model.stride());
    std::map<std::string, Mean> means;
    Evaluation evaluation;
    std::vector<std::vector<std::int64_t>> histories, masked;
    std::vector<std::vector<std::uint32_t>> relevant;
    const auto flush = [&]() -> Result<> {
        DR_RETURN_IF_ERROR(model.scoreAll(histories, scores));
        for (std::size_t b = 0; b < histories.size(); ++b) {
            const std::span row(scores.data() + b * model.stride(), model.items());
            std::vector<std::size_t> ranks;
            for (const auto label : relevant[b])
                ranks.push_back(rankAgainstModel(row, masked[b], label));
            addMetrics(std::move(ranks), means);
        }
        evaluation.users += histories.size();
        histories.clear();
        masked.clear();
        relevant.clear();
        return {};
    };
    for (std::size_t s = 0; s < history.shoppers(); ++s) {
        if (stop.stop_requested())
            return fail(ErrorCode::Halted, "The evaluation was stopped");
        const auto events = history.of(s);
        std::vector<std::int64_t> raw(events.begin(), events.end());
        auto known = knownItems(raw, history.items);
        const auto labels = test.of(s);
        std::vector<std::uint32_t> wanted(labels.begin(), labels.end());
        std::sort(wanted.begin(), wanted.end());
        wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());
        std::erase_if(wanted, [&](std::uint32_t item) {
            return std::binary_search(known.begin(), known.end(), static_cast<std::int64_t>(item));
        });
        if (!wanted.empty()) {
            histories.push_back(std::move(raw)); // in its order, which a sequence model reads
            masked.push_back(std::move(known));
            relevant.push_back(std::move(wanted));
        }
        if (histories.size() == perBlock || (s + 1 == history.shoppers() && !histories.empty()))
            DR_RETURN_IF_ERROR(flush());
        if (onShoppers && (s + 1) % 1024 == 0)
            onShoppers(s + 1);
    }
    const auto users = static_cast<double>(evaluation.users);
    for (const auto &[name, mean] : means) {
        const double value = mean.sum / users;
        evaluation.metrics[name] = value;
        evaluation.standardErrors[name] =
            std::sqrt(std::max(0.0, mean.squares / users - value * value) / users);
    }
    evaluation.seconds = static_cast<double>((clock.now() - start).count()) / 1e6;
    return evaluation;
}

} // namespace engine
