#include "engine/serving/plain_desk.h"

#include "engine/data/application_files.h"
#include "engine/serving/ads_model.h"
#include "engine/serving/inventory_model.h"
#include "engine/serving/search_model.h"

#include <algorithm>
#include <charconv>

namespace engine {
namespace {

Result<bool> answerSearch(const PlainSearch &plain, bool popular,
                          const inference::ModelInferRequest &request,
                          inference::ModelInferResponse &to)
{
    const auto question = readSearch(request);
    if (!question)
        return tl::unexpected(question.error());
    std::vector<RankedProducts> lists;
    bool any = false;
    for (const auto &query : (*question)->queries) {
        lists.push_back(popular ? plain.popular((*question)->k)
                                : plain.bm25(query, (*question)->k));
        any = any || !lists.back().products.empty();
    }
    if (any)
        writeSearch(request, (*question)->k, lists, to);
    return any;
}

Result<bool> answerAds(const BaseRates &rates, const inference::ModelInferRequest &request,
                       inference::ModelInferResponse &to)
{
    const auto question = readAds(request);
    if (!question)
        return tl::unexpected(question.error());
    const auto &columns = (*question)->columns;
    const auto find = [&](std::string_view name) {
        return static_cast<std::size_t>(std::ranges::find(columns, name) - columns.begin());
    };
    const auto ad = find(BaseRates::kAd), slot = find(BaseRates::kSlot);
    std::vector<float> scores;
    for (const auto &row : (*question)->rowTexts) {
        std::uint32_t place = 1;
        if (slot < row.size())
            (void)std::from_chars(row[slot].data(), row[slot].data() + row[slot].size(), place);
        scores.push_back(static_cast<float>(rates.rate(ad < row.size() ? row[ad] : "", place)));
    }
    writeAds(request, scores, to);
    return true;
}

Result<bool> answerInventory(const inference::ModelInferRequest &request,
                             inference::ModelInferResponse &to)
{
    const auto question = readInventory(request);
    if (!question)
        return tl::unexpected(question.error());
    const auto &query = (*question)->query;
    const auto naive = seasonalNaive(query.values, DemandRequest::kSeason, query.horizon);
    std::vector<double> quantiles;
    for (const auto value : naive)
        quantiles.insert(quantiles.end(), (*question)->levels.size(), value);
    writeInventory(request, quantiles, naive, to);
    return true;
}

} // namespace

Result<PlainDesk> PlainDesk::open(const std::filesystem::path &shop,
                                  const std::vector<std::string> &applications)
{
    PlainDesk out(applications);
    for (const auto &name : applications) {
        const auto folder = applicationFolder(shop, name);
        if (name == "search") {
            auto search = PlainSearch::open(folder);
            if (!search)
                return tl::unexpected(search.error());
            out.m_search = std::move(*search);
        } else if (name == "ads") {
            auto rates = BaseRates::open(folder);
            if (!rates)
                return tl::unexpected(rates.error());
            out.m_rates = std::move(*rates);
        } else if (name != "inventory") {
            return fail(ErrorCode::InvalidInput,
                        "There is no application \"" + name
                            + "\"; there are search, ads and inventory beside recommend");
        }
    }
    return out;
}

bool PlainDesk::serves(std::string_view application) const
{
    return std::ranges::find(m_applications, application) != m_applications.end();
}

Result<bool> PlainDesk::answer(std::string_view step, const inference::ModelInferRequest &request,
                               inference::ModelInferResponse &to) const
{
    to.Clear();
    to.set_model_name(request.model_name());
    if (step == "seasonal-naive")
        return answerInventory(request, to);
    if (step == "base-rate" && m_rates)
        return answerAds(*m_rates, request, to);
    if ((step == "list" || step == "popular") && m_search)
        return answerSearch(*m_search, step == "popular", request, to);
    return false;
}

} // namespace engine
