#pragma once
// What is held out of the training data so that settings and the end of the training can be
// chosen: each shopper's last event where the data has an order, a tenth of each shopper's items
// where it has none. Pure functions; values.

#include "engine/data/dataset.h"

namespace engine {

/// False when nearly every list rises by its ids: then it was sorted, and says nothing about time.
[[nodiscard]] bool keepsOrder(const Dataset &data);

/// Shoppers by whom settings are chosen; the same index in all vectors.
struct ValidationSet
{
    std::vector<std::vector<std::int64_t>> newest;  ///< what was taken, newest first
    std::vector<std::vector<std::int64_t>> known;   ///< the same, sorted
    std::vector<std::vector<std::uint32_t>> labels; ///< at least one, none of them known

    [[nodiscard]] std::size_t shoppers() const { return labels.size(); }
};

struct Carved
{
    Dataset train; ///< items, offsets and events only
    ValidationSet validation;
};

/// `valid`: one list per shopper of `data`, or without shoppers. At most `most` shoppers validate,
/// evenly spread over those who can.
[[nodiscard]] Carved carve(const Dataset &data, const Dataset &valid, bool isOrdered, double share,
                           std::size_t most, std::uint64_t seed);

} // namespace engine
