#include "app/train/application_data.h"

#include "engine/data/synthetic_demand.h"
#include "engine/model/demand_history.h"
#include "engine/scoring/demand_forecaster.h"

#include <algorithm>
#include <limits>

namespace app {
namespace {

using namespace engine;

constexpr int kHorizon = 7, kWeeks = 4, kHistory = 119; ///< days; weeks that no training sees
constexpr std::size_t kMostRequests = 240;

class InventoryData final : public ApplicationData
{
public:
    InventoryData(DemandSize size, std::uint64_t seed) : m_demand(std::move(size), seed) {}

    Result<TrainOrder> prepare(const std::filesystem::path &folder,
                               const std::filesystem::path &) override
    {
        DR_RETURN_IF_ERROR(m_demand.write(folder / "sales.csv", 0, firstDay()));
        TrainOrder order;
        order.train.path = folder / "sales.csv";
        for (const auto &[role, column] : SyntheticDemand::columns())
            order.train.columns[role] = column;
        for (const char *setting : {"horizon=7", "leaves=31", "trees=150", "rate=0.1"})
            DR_RETURN_IF_ERROR(setSetting(order.recipe, setting));
        return order;
    }

    Result<LabelledRequests> requests(const Package &package) override
    {
        const auto model = DemandForecaster::open(package);
        if (!model)
            return tl::unexpected(model.error());
        LabelledRequests out;
        for (int week = 0; week < kWeeks; ++week)
            for (int product = 0; product < m_demand.size().products; ++product) {
                auto request = requestOf(**model, product, firstDay() + kHorizon * week);
                // Where last week's sales were exactly right there is nothing to earn.
                if (request.naiveLoss() > 0 && out.inventory.size() < kMostRequests)
                    out.inventory.push_back(std::move(request));
            }
        return out;
    }

    Result<std::vector<float>> earned(const Package &package,
                                      const LabelledRequests &requests) override
    {
        const auto model = DemandForecaster::open(package);
        if (!model)
            return tl::unexpected(model.error());
        std::vector<float> out;
        for (const auto &request : requests.inventory) {
            const auto history = seriesHistory(**model, request.query);
            if (!history)
                return tl::unexpected(history.error());
            const auto steps =
                (*model)->forecast(*history, request.query.horizon, DemandRequest::kLevels);
            if (!steps)
                return tl::unexpected(steps.error());
            std::vector<double> quantiles;
            for (const auto &step : *steps)
                quantiles.insert(quantiles.end(), step.quantiles.begin(), step.quantiles.end());
            out.push_back(static_cast<float>(request.worth(quantiles)));
        }
        return out;
    }

    /// The seasonal naive forecast is what earning is counted from.
    Result<double> floor(const std::filesystem::path &, const LabelledRequests &) override
    {
        return 0.0;
    }

private:
    [[nodiscard]] int firstDay() const { return m_demand.size().days - kHorizon * kWeeks; }

    /// Of a column, as a number and as the text that stands in the file.
    [[nodiscard]] std::pair<float, std::string> valueOf(const std::string &column, int product,
                                                        int day) const
    {
        const auto law = m_demand.day(product, day);
        if (column == "category")
            return {std::numeric_limits<float>::quiet_NaN(), m_demand.category(product)};
        if (column == "price")
            return {static_cast<float>(law.priceCents) / 100.0F, ""};
        const bool isOn = column == "promotion"   ? law.isPromoted
                          : column == "stock_out" ? law.stock < DemandDay::kFull
                                                  : false;
        return {isOn ? 1.0F : 0.0F, isOn ? "1" : "0"};
    }

    [[nodiscard]] DemandRequest requestOf(const Forecaster &model, int product, int day) const
    {
        DemandRequest out;
        const int begin = std::max(0, day - kHistory);
        out.query.series = m_demand.product(product);
        out.query.start = SyntheticDemand::dateText(begin);
        out.query.horizon = kHorizon;
        for (int d = begin; d < day; ++d)
            out.query.values.push_back(static_cast<float>(m_demand.sold(product, d)));
        for (int d = day; d < day + kHorizon; ++d)
            out.sold.push_back(static_cast<float>(m_demand.sold(product, d)));
        for (const auto &column : model.columns()) {
            std::vector<float> numbers;
            std::vector<std::string> texts;
            // What is not known in advance ends with the history.
            for (int d = begin; d < (column.isKnown ? day + kHorizon : day); ++d) {
                const auto [number, text] = valueOf(column.name, product, d);
                numbers.push_back(number);
                texts.push_back(text);
            }
            if (column.isCategory)
                out.query.plan[column.name] = std::move(texts);
            else
                out.query.plan[column.name] = std::move(numbers);
        }
        return out;
    }

    const SyntheticDemand m_demand;
};

} // namespace

Result<std::unique_ptr<ApplicationData>> inventoryData(const ShopInfo &info)
{
    auto size = demandSize(info.synthetic);
    if (!size)
        return tl::unexpected(size.error());
    return std::make_unique<InventoryData>(std::move(*size), info.seed);
}

} // namespace app
