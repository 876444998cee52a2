#pragma once
// Answers files: queries become ranked products, rows of features and impressions become scores.
// Streams; memory does not grow with the file. One thread.

#include "engine/training/family.h"

namespace engine {

[[nodiscard]] Result<Answered> rankQueries(const Package &package, const AnswerOrder &order,
                                           TrainMonitor &monitor);
/// libsvm rows: the ranker's score. CSV with query, item and rank: the probability of a click; with
/// query and item alone: the ranker's score of that product, empty for unknown products.
[[nodiscard]] Result<Answered> predictRows(const Package &package, const AnswerOrder &order,
                                           TrainMonitor &monitor);

} // namespace engine
