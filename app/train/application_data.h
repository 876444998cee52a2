#pragma once
// What the applications search, ads and inventory of a shop are made from: files to train on, and
// requests with their labels that no training saw.

#include "engine/data/application_files.h"
#include "engine/data/labelled_request.h"
#include "engine/data/shop_files.h"
#include "engine/model/forecaster.h"
#include "engine/training/family.h"

#include <memory>

namespace app {

/// One application's source. Values come from the shop and its seed alone.
class ApplicationData
{
public:
    virtual ~ApplicationData() = default;
    /// Writes its training files into `folder` and says how to train on them; also writes what the
    /// gateway needs beside the model into `application`.
    [[nodiscard]] virtual engine::Result<engine::TrainOrder>
    prepare(const std::filesystem::path &folder, const std::filesystem::path &application) = 0;
    /// `package`: the trained model, which knows its columns.
    [[nodiscard]] virtual engine::Result<engine::LabelledRequests>
    requests(const engine::Package &package) = 0;
    /// What the model earns on each of them, in their order.
    [[nodiscard]] virtual engine::Result<std::vector<float>>
    earned(const engine::Package &package, const engine::LabelledRequests &requests) = 0;
    /// What the gateway's own last answer earns on them, on the mean.
    [[nodiscard]] virtual engine::Result<double>
    floor(const std::filesystem::path &application, const engine::LabelledRequests &requests) = 0;
};

[[nodiscard]] engine::Result<std::unique_ptr<ApplicationData>>
searchData(const std::filesystem::path &shop, const engine::ShopInfo &info);
[[nodiscard]] engine::Result<std::unique_ptr<ApplicationData>>
adsData(const engine::ShopInfo &info);
[[nodiscard]] engine::Result<std::unique_ptr<ApplicationData>>
inventoryData(const engine::ShopInfo &info);

} // namespace app
