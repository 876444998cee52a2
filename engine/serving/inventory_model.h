#pragma once
// The application inventory over KServe v2: the history of a series and what is planned in, the
// quantiles of what it will sell out.

#include "engine/data/labelled_request.h"
#include "engine/model/forecaster.h"
#include "engine/serving/kserve_tensors.h"
#include "engine/serving/served_model.h"

namespace engine {

struct InventoryQuestion final : ServedQuestion
{
    DemandQuery query;
    std::vector<double> levels;
    [[nodiscard]] std::size_t rows() const override
    {
        return static_cast<std::size_t>(query.horizon);
    }
    [[nodiscard]] std::uint64_t bytes() const override;
};

/// InvalidInput names the input and what to send.
[[nodiscard]] Result<std::shared_ptr<InventoryQuestion>>
readInventory(const inference::ModelInferRequest &request);
/// Outputs quantiles [horizon, levels] and mean [horizon].
void writeInventory(const inference::ModelInferRequest &request, std::span<const double> quantiles,
                    std::span<const double> mean, inference::ModelInferResponse &to);
/// What a client sends for this query.
void askInventory(const DemandQuery &query, std::span<const double> levels,
                  inference::ModelInferRequest &to);
void describeInventory(std::span<const ForecastColumn> columns,
                       inference::ModelMetadataResponse &to);

[[nodiscard]] std::unique_ptr<ServedModel> inventoryModel(std::unique_ptr<Forecaster> forecaster);

} // namespace engine
