#include "engine/serving/traffic_answers.h"

#include "engine/serving/ads_model.h"
#include "engine/serving/inventory_model.h"
#include "engine/serving/search_model.h"

namespace engine {
namespace {

const inference::InferTensorContents *outputOf(const inference::ModelInferResponse &reply,
                                               std::string_view name)
{
    for (const auto &output : reply.outputs())
        if (output.name() == name)
            return &output.contents();
    return nullptr;
}

} // namespace

void ask(const ApplicationTrace &trace, std::size_t row, inference::ModelInferRequest &to)
{
    const auto &requests = trace.requests;
    if (trace.name == "search")
        askSearch(requests.search[row].query, SearchRequest::kPage, to);
    else if (trace.name == "ads")
        askAds(requests.columns, requests.ads[row].rows, to);
    else
        askInventory(requests.inventory[row].query, DemandRequest::kLevels, to);
}

std::optional<double> worthOf(const ApplicationTrace &trace, std::size_t row,
                              const inference::ModelInferResponse &reply)
{
    const auto &requests = trace.requests;
    if (trace.name == "search") {
        const auto *products = outputOf(reply, "products");
        if (!products)
            return std::nullopt;
        const std::vector<std::string> list(products->bytes_contents().begin(),
                                            products->bytes_contents().end());
        return requests.search[row].worth(list);
    }
    if (trace.name == "ads") {
        const auto *scores = outputOf(reply, "score");
        const auto size = static_cast<int>(requests.ads[row].rows.size());
        if (!scores || scores->fp32_contents_size() != size)
            return std::nullopt;
        return requests.ads[row].worth(
            {scores->fp32_contents().data(), static_cast<std::size_t>(size)});
    }
    const auto *quantiles = outputOf(reply, "quantiles");
    const auto &asked = requests.inventory[row];
    const auto size = asked.sold.size() * DemandRequest::kLevels.size();
    if (!quantiles || static_cast<std::size_t>(quantiles->fp64_contents_size()) != size)
        return std::nullopt;
    return asked.worth({quantiles->fp64_contents().data(), size});
}

} // namespace engine
