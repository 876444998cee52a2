#include "engine/serving/gateway_popularity.h"

#include "engine/data/shop_files.h"

#include <algorithm>

namespace engine {

PopularityList::PopularityList(std::vector<std::uint32_t> items) : m_items(std::move(items)) {}

Result<PopularityList> PopularityList::open(const std::filesystem::path &shop)
{
    auto items = readPopularity(shop);
    if (!items)
        return tl::unexpected(items.error());
    if (items->empty())
        return fail(ErrorCode::InvalidInput,
                    "The popularity list is empty; make the shop anew with `drillctl shop create`",
                    (shop / "popularity.bin").string());
    return PopularityList(std::move(*items));
}

void PopularityList::answer(const GatewayRequest &request, inference::ModelInferResponse &to) const
{
    const auto rows = static_cast<std::size_t>(request.rows);
    const auto columns = static_cast<std::size_t>(request.columns);
    const auto k = static_cast<std::size_t>(request.k);
    std::vector<std::int64_t> lists(rows * k, -1);
    std::vector<float> scores(rows * k, 0);
    std::vector<std::int64_t> seen;
    for (std::size_t row = 0; row < rows; ++row) {
        const auto from = request.history.begin() + static_cast<std::ptrdiff_t>(row * columns);
        seen.assign(from, from + static_cast<std::ptrdiff_t>(columns));
        std::ranges::sort(seen);
        std::size_t rank = 0;
        for (const auto item : m_items) {
            if (rank == k)
                break;
            if (std::ranges::binary_search(seen, std::int64_t{item}))
                continue;
            lists[row * k + rank] = item;
            scores[row * k + rank] = 1 - static_cast<float>(rank) / static_cast<float>(k);
            ++rank;
        }
    }
    to.set_model_name(kRecommend.data(), kRecommend.size());
    writeLists(lists, scores, request.rows, request.k, to);
}

} // namespace engine
