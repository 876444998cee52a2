#pragma once
// The application search over KServe v2: queries in, products with scores out.

#include "engine/model/query_ranker.h"
#include "engine/serving/kserve_tensors.h"
#include "engine/serving/served_model.h"

namespace engine {

/// Queries and k of a request.
struct SearchQuestion final : ServedQuestion
{
    std::vector<std::string> queries;
    std::int32_t k = 10;
    [[nodiscard]] std::size_t rows() const override { return queries.size(); }
    [[nodiscard]] std::uint64_t bytes() const override;
};

/// InvalidInput names the input and what to send.
[[nodiscard]] Result<std::shared_ptr<SearchQuestion>>
readSearch(const inference::ModelInferRequest &request);
/// Outputs products [b, k] and scores [b, k]; a list that ran short is filled with "" and 0.
void writeSearch(const inference::ModelInferRequest &request, std::int32_t k,
                 std::span<const RankedProducts> lists, inference::ModelInferResponse &to);
/// What a client sends for one query.
void askSearch(const std::string &query, std::int32_t k, inference::ModelInferRequest &to);
void describeSearch(inference::ModelMetadataResponse &to);

[[nodiscard]] std::unique_ptr<ServedModel> searchModel(std::unique_ptr<QueryRanker> ranker);

} // namespace engine
