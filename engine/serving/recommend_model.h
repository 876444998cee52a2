#pragma once
// The application recommend: what its models take and give over KServe v2 (contracts 6.1), whatever
// their family (mf, sequence, popularity).

#include "engine/model/scorer.h"
#include "engine/serving/kserve_tensors.h"
#include "engine/serving/served_model.h"

namespace engine {

inline constexpr std::int64_t kMostRequestRows = 256; ///< histories in one request
inline constexpr std::int32_t kMostItemsAsked = 1000; ///< k

/// Histories (padding removed) and k of a request.
struct RecommendQuestion final : ServedQuestion
{
    std::vector<std::vector<std::int64_t>> histories;
    std::int32_t k = 1;
    [[nodiscard]] std::size_t rows() const override { return histories.size(); }
    [[nodiscard]] std::uint64_t bytes() const override;
};

/// One list per history, each of k items or fewer.
struct RecommendAnswer final : ServedAnswer
{
    std::vector<TopItems> lists;
    [[nodiscard]] bool isSound() const override;
};

/// In a reply: items [b, k] and scores [b, k]; a list that ran short (fewer items left than k) is
/// filled with item -1 and score 0.
[[nodiscard]] std::shared_ptr<const ServedModel>
recommendModel(std::shared_ptr<const Scorer> scorer);
[[nodiscard]] std::unique_ptr<ServedModel> recommendModel(std::unique_ptr<Scorer> scorer);

} // namespace engine
