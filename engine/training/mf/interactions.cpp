#include "engine/training/mf/interactions.h"

#include <algorithm>

namespace engine {

SparseRows shopperRows(const Dataset &data, const std::vector<std::uint8_t> &heldOut)
{
    SparseRows rows;
    rows.columns = data.items;
    rows.offsets.push_back(0);
    std::vector<std::int64_t> row;
    for (std::size_t s = 0; s < data.shoppers(); ++s) {
        const auto events = data.of(s);
        const auto kept = events.first(events.size() - (heldOut.empty() ? 0 : heldOut[s]));
        row.assign(kept.begin(), kept.end());
        std::sort(row.begin(), row.end());
        row.erase(std::unique(row.begin(), row.end()), row.end());
        rows.indices.insert(rows.indices.end(), row.begin(), row.end());
        rows.offsets.push_back(static_cast<std::int64_t>(rows.indices.size()));
    }
    return rows;
}

SparseRows transposed(const SparseRows &rows)
{
    SparseRows out;
    out.columns = rows.rows();
    out.offsets.assign(rows.columns + 1, 0);
    for (const auto column : rows.indices)
        ++out.offsets[static_cast<std::size_t>(column) + 1];
    for (std::size_t c = 0; c < rows.columns; ++c)
        out.offsets[c + 1] += out.offsets[c];
    out.indices.resize(rows.indices.size());
    auto at = out.offsets;
    for (std::size_t r = 0; r < rows.rows(); ++r) {
        for (const auto column : rows.of(r))
            out.indices[static_cast<std::size_t>(at[static_cast<std::size_t>(column)]++)] =
                static_cast<std::int64_t>(r);
    }
    return out;
}

} // namespace engine
