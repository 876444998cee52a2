#pragma once
// The application ads over KServe v2: rows of a table in, the probability of a click out. One input
// per column of the model, by its name.

#include "engine/model/row_scorer.h"
#include "engine/serving/kserve_tensors.h"
#include "engine/serving/served_model.h"

namespace engine {

/// Rows of a request by the names of their columns.
struct AdsQuestion final : ServedQuestion
{
    std::vector<std::string> columns;
    std::vector<std::vector<std::string>> rowTexts; ///< as the columns; "" = not known
    [[nodiscard]] std::size_t rows() const override { return rowTexts.size(); }
    [[nodiscard]] std::uint64_t bytes() const override;
};

/// Every input is a column, all of the shape [b]. InvalidInput names the input and what to send.
[[nodiscard]] Result<std::shared_ptr<AdsQuestion>>
readAds(const inference::ModelInferRequest &request);
/// Output score [b].
void writeAds(const inference::ModelInferRequest &request, std::span<const float> scores,
              inference::ModelInferResponse &to);
/// What a client sends for these rows.
void askAds(std::span<const std::string> columns, std::span<const std::vector<std::string>> rows,
            inference::ModelInferRequest &to);
void describeAds(std::span<const std::string> columns, inference::ModelMetadataResponse &to);

[[nodiscard]] std::unique_ptr<ServedModel> adsModel(std::unique_ptr<RowScorer> scorer);

} // namespace engine
