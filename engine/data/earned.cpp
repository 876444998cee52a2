#include "engine/data/earned.h"

#include "engine/base/exact_math.h"
#include "engine/data/synthetic.h"

#include <algorithm>
#include <array>

namespace engine {
namespace {

constexpr std::size_t kTop = 10;

/// 1/log2(1 + rank) for rank 1 .. 10.
const std::array<double, kTop> &discounts()
{
    static const auto table = [] {
        std::array<double, kTop> values{};
        for (std::size_t i = 0; i < kTop; ++i)
            values[i] = 1.0 / exact::log2(static_cast<double>(i) + 2);
        return values;
    }();
    return table;
}

class EarnedOnLabels final : public Earned
{
public:
    double quality(const TraceRow &row, std::span<const std::int64_t> items) const override
    {
        return ndcg10(row.label, items);
    }
};

class EarnedOnProbabilities final : public Earned
{
public:
    EarnedOnProbabilities(SyntheticShop shop, Dataset data)
        : m_shop(std::move(shop)), m_data(std::move(data))
    {
    }

    double quality(const TraceRow &row, std::span<const std::int64_t> items) const override
    {
        if (row.shopper >= m_data.shoppers() || row.h > m_data.of(row.shopper).size())
            return 0;
        const auto history = m_data.of(row.shopper).first(row.h);
        const auto moment = m_shop.moment(row.shopper, history);
        const auto list = items.first(std::min(kTop, items.size()));
        double sum = 0;
        for (std::size_t i = 0; i < list.size(); ++i) {
            // An item counts once, and what the shopper already has is not taken again.
            if (list[i] < 0 || list[i] >= std::int64_t{m_data.items}
                || std::find(list.begin(), list.begin() + std::ptrdiff_t(i), list[i])
                       != list.begin() + std::ptrdiff_t(i)
                || std::find(history.begin(), history.end(), list[i]) != history.end())
                continue;
            const auto item = static_cast<std::uint32_t>(list[i]);
            sum += exact::exp(m_shop.utility(moment, item) - double{row.logNormaliser})
                   * discounts()[i];
        }
        return sum;
    }

private:
    SyntheticShop m_shop;
    Dataset m_data;
};

} // namespace

double Earned::ndcg10(std::uint32_t label, std::span<const std::int64_t> items)
{
    const auto list = items.first(std::min(kTop, items.size()));
    const auto at = std::find(list.begin(), list.end(), std::int64_t{label});
    return at == list.end() ? 0 : discounts()[static_cast<std::size_t>(at - list.begin())];
}

Result<std::unique_ptr<Earned>> Earned::open(const std::filesystem::path &shopFolder,
                                             const ShopInfo &info)
{
    if (info.synthetic.empty())
        return std::make_unique<EarnedOnLabels>();
    auto recipe = syntheticRecipe(info.synthetic);
    if (!recipe)
        return tl::unexpected(recipe.error());
    auto data = readDataset(shopFolder / "history.bin");
    if (!data)
        return tl::unexpected(data.error());
    SyntheticShop shop(*recipe, info.seed);
    if (!shop.made(*data)) {
        return fail(ErrorCode::InvalidInput,
                    "This history is not what synthetic:" + info.synthetic + " makes of seed "
                        + std::to_string(info.seed)
                        + " in this version, so its probabilities are not known; create the shop "
                          "again",
                    (shopFolder / "history.bin").string());
    }
    data->itemIds = {};
    data->itemTitles = {};
    data->shopperIds = {};
    return std::make_unique<EarnedOnProbabilities>(std::move(shop), std::move(*data));
}

} // namespace engine
