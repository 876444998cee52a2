#pragma once
// Answers a file of histories with lists of items, one line a shopper. Lists are streamed, so the
// file may be larger than memory; pairs and csv are put together by shopper first and must fit.

#include "engine/scoring/full_scorer.h"
#include "engine/training/family.h"
#include "engine/training/item_ids.h"

namespace engine {

/// Formats: lists unless the order or the ending .csv/.tsv says otherwise. A line that holds only a
/// shopper is one without a history. Unknown items are ignored and counted.
[[nodiscard]] Result<Answered> recommendFile(const FullScorer &model, const ItemIds &ids,
                                             const AnswerOrder &order, TrainMonitor &monitor);

} // namespace engine
