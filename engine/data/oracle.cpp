#include "engine/data/oracle.h"

#include "engine/base/exact_math.h"
#include "engine/data/earned.h"
#include "engine/data/parallel.h"

#include <limits>
#include <numeric>

namespace engine {
namespace {

constexpr std::size_t kTop = 10;

struct RowQuality
{
    double ndcg = 0, expected = 0;
};

RankingQuality meanOf(std::span<const RowQuality> rows)
{
    RankingQuality mean;
    mean.rows = rows.size();
    if (rows.empty())
        return mean;
    const auto count = static_cast<double>(rows.size());
    double squares = 0;
    for (const auto &row : rows) {
        mean.ndcg += row.ndcg / count;
        mean.expected += row.expected / count;
        squares += row.ndcg * row.ndcg / count;
    }
    mean.ndcgError =
        exact::sqrt(std::max(0.0, squares - mean.ndcg * mean.ndcg) / std::max(1.0, count - 1));
    return mean;
}

} // namespace

RankingQuality oracleQuality(const SyntheticShop &shop, const Dataset &data,
                             std::span<TraceRow> rows, unsigned threads,
                             const SyntheticShop::Progress &progress)
{
    std::vector<RowQuality> quality(rows.size());
    forChunks(
        rows.size(), 16, threads,
        [&](std::size_t first, std::size_t end) {
            std::vector<double> utility;
            std::vector<std::uint32_t> order(data.items);
            for (auto at = first; at < end; ++at) {
                auto &row = rows[at];
                const auto history = data.of(row.shopper).first(row.h);
                shop.utilities(shop.moment(row.shopper, history), utility);
                const double normaliser = SyntheticShop::logNormaliser(utility, history);
                row.logNormaliser = static_cast<float>(normaliser);
                for (const auto item : history)
                    utility[item] = -std::numeric_limits<double>::infinity();
                std::iota(order.begin(), order.end(), 0u);
                const auto top = std::min(kTop, order.size());
                std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(top),
                                  order.end(), [&utility](std::uint32_t a, std::uint32_t b) {
                                      return utility[a] != utility[b] ? utility[a] > utility[b]
                                                                      : a < b;
                                  });
                const std::vector<std::int64_t> list(
                    order.begin(), order.begin() + static_cast<std::ptrdiff_t>(top));
                quality[at].ndcg = Earned::ndcg10(row.label, list);
                for (std::size_t i = 0; i < top; ++i) {
                    quality[at].expected += exact::exp(utility[order[i]] - normaliser)
                                            / exact::log2(static_cast<double>(i) + 2);
                }
            }
        },
        progress);
    return meanOf(quality);
}

RankingQuality popularityQuality(std::span<const std::uint32_t> order, const Dataset &data,
                                 std::span<const TraceRow> rows, const SyntheticShop *shop)
{
    std::vector<RowQuality> quality;
    quality.reserve(rows.size());
    for (const auto &row : rows) {
        const auto history = data.of(row.shopper).first(row.h);
        std::vector<std::int64_t> list;
        for (std::size_t i = 0; i < order.size() && list.size() < kTop; ++i) {
            if (std::find(history.begin(), history.end(), order[i]) == history.end())
                list.push_back(order[i]);
        }
        RowQuality one;
        one.ndcg = Earned::ndcg10(row.label, list);
        if (shop) {
            const auto moment = shop->moment(row.shopper, history);
            for (std::size_t i = 0; i < list.size(); ++i) {
                const auto item = static_cast<std::uint32_t>(list[i]);
                one.expected += exact::exp(shop->utility(moment, item) - double{row.logNormaliser})
                                / exact::log2(static_cast<double>(i) + 2);
            }
        }
        quality.push_back(one);
    }
    return meanOf(quality);
}

double regret(double metric, double popularity, double oracle)
{
    if (oracle == popularity)
        return std::numeric_limits<double>::quiet_NaN();
    return 1 - (metric - popularity) / (oracle - popularity);
}

} // namespace engine
