#pragma once
// Parts a dataset by time: what a model may learn from, what it is chosen by, what it is judged by.

#include "engine/data/dataset.h"

namespace engine {

/// The last two events of every shopper with at least five are the test; the event before them is
/// the validation. A label that the shopper took before gives no row: lists leave the history out,
/// so nothing could earn it. `h` counts events of the whole dataset, so that a row's history is
/// `whole.of(row.shopper).first(row.h)`.
struct Split
{
    Dataset train; ///< everything before the test, all shoppers and items kept
    std::vector<TraceRow> validation;
    std::vector<TraceRow> test; ///< shopper by shopper, h rising
};

inline constexpr std::size_t kFewestForTrace = 5;

[[nodiscard]] Split splitByTime(const Dataset &whole);

/// `train` without the labels of `rows` and what comes after them: what is trained on while
/// settings are chosen by the validation rows.
[[nodiscard]] Dataset withoutRows(const Dataset &data, std::span<const TraceRow> rows);

/// The fixed trace of live traffic: at most `limit` rows of the test in an order drawn from the
/// seed, in which the rows of one shopper keep theirs.
[[nodiscard]] std::vector<TraceRow> makeTrace(std::span<const TraceRow> test, std::size_t limit,
                                              std::uint64_t seed);

inline constexpr std::size_t kTraceRows = 20'000;

/// All items, the most taken first, ties by lower number: the model of last resort.
[[nodiscard]] std::vector<std::uint32_t> popularityOrder(const Dataset &train);

} // namespace engine
