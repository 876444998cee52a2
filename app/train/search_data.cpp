#include "app/train/application_data.h"

#include "engine/base/files.h"
#include "engine/data/item_prices.h"
#include "engine/data/synthetic_search.h"
#include "engine/model/plain_answers.h"
#include "engine/scoring/search_ranker.h"

#include <algorithm>

namespace app {
namespace {

using namespace engine;

constexpr std::uint64_t kQueries = 400, kRequests = 400;
constexpr int kPage = static_cast<int>(SearchRequest::kPage);

class SearchData final : public ApplicationData
{
public:
    SearchData(SyntheticSearch shop, std::vector<std::string> popular)
        : m_shop(std::move(shop)), m_popular(std::move(popular))
    {
    }

    Result<TrainOrder> prepare(const std::filesystem::path &folder,
                               const std::filesystem::path &application) override
    {
        DR_RETURN_IF_ERROR(writeTextAtomically(folder / "products.jsonl", m_shop.catalogue()));
        DR_RETURN_IF_ERROR(
            writeTextAtomically(folder / "judgments.csv", m_shop.judgments(0, kQueries)));
        DR_RETURN_IF_ERROR(writePlainSearch(application, m_popular));
        TrainOrder order;
        order.train.path = folder / "judgments.csv";
        order.products = folder / "products.jsonl";
        // A ranker of trees: a moment to train, and enough for words and popularity.
        DR_RETURN_IF_ERROR(setSetting(order.recipe, "ranker=trees"));
        DR_RETURN_IF_ERROR(setSetting(order.recipe, "trees=60"));
        return order;
    }

    Result<LabelledRequests> requests(const Package &) override
    {
        LabelledRequests out;
        for (auto number = kQueries; out.search.size() < kRequests && number < 4 * kQueries;
             ++number) {
            SearchRequest request;
            request.query = m_shop.query(number);
            request.grades = m_shop.grades(request.query);
            if (!request.grades.empty())
                out.search.push_back(std::move(request));
        }
        return out;
    }

    Result<std::vector<float>> earned(const Package &package,
                                      const LabelledRequests &requests) override
    {
        const auto ranker = SearchRanker::open(package);
        if (!ranker)
            return tl::unexpected(ranker.error());
        std::vector<float> out;
        for (const auto &request : requests.search) {
            const auto lists = (*ranker)->rank(std::span(&request.query, 1), kPage);
            if (!lists)
                return tl::unexpected(lists.error());
            out.push_back(static_cast<float>(request.worth(lists->front().products)));
        }
        return out;
    }

    Result<double> floor(const std::filesystem::path &, const LabelledRequests &requests) override
    {
        const auto page =
            std::span(m_popular).first(std::min<std::size_t>(m_popular.size(), kPage));
        double sum = 0;
        for (const auto &request : requests.search)
            sum += request.worth(page);
        return sum / static_cast<double>(std::max<std::size_t>(1, requests.search.size()));
    }

private:
    SyntheticSearch m_shop;
    std::vector<std::string> m_popular; ///< best-selling first
};

} // namespace

Result<std::unique_ptr<ApplicationData>> searchData(const std::filesystem::path &shop,
                                                    const ShopInfo &info)
{
    const auto data = readDataset(shop / "history.bin");
    if (!data)
        return tl::unexpected(data.error());
    const auto order = readPopularity(shop);
    if (!order)
        return tl::unexpected(order.error());
    const auto prices = readPrices(shop);
    if (!prices)
        return tl::unexpected(prices.error());
    std::vector<SyntheticSearch::Product> products;
    for (std::size_t item = 0; item < data->itemIds.size(); ++item)
        products.push_back({data->itemIds[item], data->itemTitles[item],
                            item < prices->size() ? static_cast<double>((*prices)[item]) : 0});
    const bool hasTitles =
        std::ranges::any_of(products, [](const auto &product) { return !product.title.empty(); });
    if (!hasTitles)
        return fail(ErrorCode::InvalidInput,
                    "The items of this shop have no titles, so there is nothing to search in; "
                    "import them with --columns title=NAME",
                    info.source);
    std::vector<std::string> popular;
    for (const auto item : *order)
        popular.push_back(products[item].id);
    return std::make_unique<SearchData>(SyntheticSearch(std::move(products), *order, info.seed),
                                        std::move(popular));
}

} // namespace app
