#pragma once
// Rows to learn a ranking from: features of a query's documents, their grades, and which rows
// belong together. Values.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace engine {

struct RankingRows
{
    std::size_t features = 0;
    std::vector<float> values;          ///< rows x features, row-major
    std::vector<float> grades;          ///< per row, from 0
    std::vector<float> weights;         ///< per row
    std::vector<std::size_t> starts{0}; ///< queries + 1

    [[nodiscard]] std::size_t rows() const { return grades.size(); }
    [[nodiscard]] std::size_t queries() const { return starts.size() - 1; }
    [[nodiscard]] std::span<const float> row(std::size_t i) const
    {
        return {values.data() + i * features, features};
    }
    /// The rows of some queries, in the order given.
    [[nodiscard]] RankingRows only(std::span<const std::size_t> queries) const;
};

/// 2^grade - 1.
[[nodiscard]] double gainOf(double grade);
/// Sum of gain / log2(1 + rank) over the first k grades.
[[nodiscard]] double dcg(std::span<const float> gradesInOrder, std::size_t k);
/// nDCG of rows in the order of falling score, ties by their order; `none` when no grade is above
/// 0.
[[nodiscard]] double ndcgOf(std::span<const double> scores, std::span<const float> grades,
                            std::size_t k, double none);

/// Queries dealt into `folds` parts after a shuffle; the same for the same seed anywhere.
[[nodiscard]] std::vector<std::vector<std::size_t>> foldsOf(std::size_t queries, std::size_t folds,
                                                            std::uint64_t seed);
/// All queries but those of fold `out`.
[[nodiscard]] std::vector<std::size_t>
withoutFold(const std::vector<std::vector<std::size_t>> &folds, std::size_t out);

/// Share of `draws` paired resamples of the queries in which the mean of a - b is not above 0.
[[nodiscard]] double pairedBootstrap(std::span<const double> a, std::span<const double> b,
                                     std::uint64_t seed, int draws = 10'000);
/// The 2.5 and 97.5 % quantiles of the mean over resampled queries.
[[nodiscard]] std::pair<double, double> bootstrapInterval(std::span<const double> values,
                                                          std::uint64_t seed, int draws = 10'000);

} // namespace engine
