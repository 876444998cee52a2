#pragma once
// What the model `recommend` of a replica takes and gives over KServe v2 (contracts 6.1).

#include "engine/model/scorer.h"
#include "engine/serving/batcher.h"
#include "engine/serving/kserve_tensors.h"

namespace engine {

inline constexpr std::int64_t kMostRequestRows = 256; ///< histories in one request
inline constexpr std::int32_t kMostItemsAsked = 1000; ///< k

/// Histories (padding removed) and k of a request; InvalidInput names the input.
struct RecommendRequest
{
    std::vector<std::vector<std::int64_t>> histories;
    std::int32_t k = 1;
};
[[nodiscard]] Result<RecommendRequest> readRecommend(const inference::ModelInferRequest &request);

/// Outputs items [b, k] and scores [b, k], parameters version and digest. A list that ran short
/// (fewer items left than k) is filled with item -1 and score 0.
void writeRecommend(const inference::ModelInferRequest &request, std::int32_t k,
                    const Scored &scored, inference::ModelInferResponse &reply);

void describeRecommend(const Scorer &scorer, inference::ModelMetadataResponse &reply);

} // namespace engine
