#pragma once
// Files of events as the recommenders need them: read with the importer, and put into the item
// numbers and the shoppers of another file. Values.

#include "engine/training/family.h"
#include "engine/training/item_ids.h"

namespace engine {

/// Reads with progress; dropped lines become a note.
[[nodiscard]] Result<Dataset> readEvents(const InputFile &file, TrainMonitor &monitor);

/// Events of another file in the numbers of a model or of the training data.
struct Aligned
{
    Dataset data;
    std::vector<std::uint32_t> missed; ///< per shopper: distinct items that have no number
    std::uint64_t unknownItems = 0;    ///< distinct
    std::uint64_t unknownEvents = 0;   ///< events on them, left out
    std::uint64_t unknownShoppers = 0; ///< shoppers that were not asked for, left out
};

/// `number` gives an item's number or -1. With `shoppers`, the result has these in this order (with
/// empty lists where `from` lacks one), else those of `from`.
[[nodiscard]] Aligned align(const Dataset &from, std::uint32_t items,
                            const std::function<std::int64_t(std::string_view)> &number,
                            const std::vector<std::string> *shoppers = nullptr);

/// How many pairs of shopper and item stand in both; the same shoppers in the same order.
[[nodiscard]] std::uint64_t commonPairs(const Dataset &a, const Dataset &b);

} // namespace engine
