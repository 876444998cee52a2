#pragma once
// What the best and the plainest ranking are worth on held-out rows: the two ends of the regret
// table. regret = 1 - (metric - popularity)/(oracle - popularity).

#include "engine/data/synthetic.h"

namespace engine {

/// NDCG@10 over rows: of the drawn label (with its standard error), and, on the synthetic shop, its
/// expectation over the exact probabilities, which has no test noise.
struct RankingQuality
{
    double ndcg = 0, ndcgError = 0, expected = 0;
    std::size_t rows = 0;
};

/// Sorts all items by their true probability for every row, the history left out. Writes
/// `logNormaliser` into the rows on the way. `data`: the whole dataset that the rows point into.
[[nodiscard]] RankingQuality oracleQuality(const SyntheticShop &shop, const Dataset &data,
                                           std::span<TraceRow> rows, unsigned threads,
                                           const SyntheticShop::Progress &progress = {});

/// One order of items for everybody, the history left out. `shop` null (real data): expected = 0;
/// else the rows must carry their logNormaliser.
[[nodiscard]] RankingQuality popularityQuality(std::span<const std::uint32_t> order,
                                               const Dataset &data, std::span<const TraceRow> rows,
                                               const SyntheticShop *shop);

/// 1 - (metric - popularity)/(oracle - popularity); NaN when oracle and popularity are equal.
[[nodiscard]] double regret(double metric, double popularity, double oracle);

} // namespace engine
