#pragma once
// Trains the small nets of a ranker by the listwise softmax loss (ListNet's top-one form; Cao et
// al., ICML 2007): cross entropy between softmax(scores) of a query's documents and their gains,
// normalised. Full batches with Adam and weight decay, several nets from different starts at once,
// one LibTorch product per layer. One thread at a time.

#include "engine/scoring/ranker_model.h"
#include "engine/training/search/ranking_rows.h"

#include <stop_token>

namespace engine {

struct ListNetOptions
{
    int nets = 4, width = 16, steps = 150;
    double rate = 0.01, decay = 0.05;
    std::uint64_t seed = 1;
};

/// Queries without a grade above 0 do not count. Internal when LibTorch fails; nets without members
/// when stopped.
[[nodiscard]] Result<RankerNets> trainNets(const RankingRows &rows, const ListNetOptions &options,
                                           std::stop_token stop = {});

} // namespace engine
