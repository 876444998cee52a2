#pragma once
// Who took what, each pair once, as rows of column numbers in both directions: the sparse matrix
// that alternating least squares walks. Values.

#include "engine/data/dataset.h"

namespace engine {

struct SparseRows
{
    std::size_t columns = 0;
    std::vector<std::int64_t> offsets; ///< rows + 1
    std::vector<std::int64_t> indices; ///< sorted within a row

    [[nodiscard]] std::size_t rows() const { return offsets.empty() ? 0 : offsets.size() - 1; }
    [[nodiscard]] std::span<const std::int64_t> of(std::size_t row) const
    {
        return {indices.data() + offsets[row], indices.data() + offsets[row + 1]};
    }
};

/// Distinct items per shopper, without the last `heldOut[shopper]` events.
[[nodiscard]] SparseRows shopperRows(const Dataset &data,
                                     const std::vector<std::uint8_t> &heldOut = {});
[[nodiscard]] SparseRows transposed(const SparseRows &rows);

} // namespace engine
