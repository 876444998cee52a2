#pragma once
// The largest singular values and vectors of a sparse matrix by randomised subspace iteration
// (Halko, Martinsson, Tropp, "Finding structure with randomness", SIAM Review 2011), and the two
// matrices that recommenders take them of: who took what, and what followed what, each normalised
// by the degrees of both sides. The same seed and thread count give the same bytes. Call from one
// thread; LibTorch's exceptions pass through.

#include "engine/training/mf/interactions.h"

#include <ATen/core/Tensor.h>
#include <optional>
#include <stop_token>

namespace engine {

struct WeightedRows
{
    SparseRows rows;
    std::vector<float> values; ///< one per index
};

struct Spectrum
{
    at::Tensor left;   ///< F32 [rows, rank]
    at::Tensor values; ///< F32 [rank], falling
    at::Tensor right;  ///< F32 [columns, rank]
};

/// Rank is cut to what the matrix has. Nothing when stopped.
[[nodiscard]] std::optional<Spectrum> leadingSpectrum(const WeightedRows &matrix, int rank,
                                                      int iterations, std::uint64_t seed,
                                                      unsigned threads,
                                                      const std::stop_token &stop);

/// Shoppers x items with value d_u^-shopperPower d_i^-itemPower.
[[nodiscard]] WeightedRows takenMatrix(const SparseRows &rows, double shopperPower,
                                       double itemPower);

/// Items x items: how often the column followed the row within `window` events of a shopper,
/// counted 1/gap, with value n / (from^power to^power); also gives both sums of n.
[[nodiscard]] WeightedRows followedMatrix(const Dataset &data, int window, double power,
                                          std::vector<double> &from, std::vector<double> &to);

/// How many rows have each column.
[[nodiscard]] std::vector<double> columnCounts(const SparseRows &rows);

} // namespace engine
