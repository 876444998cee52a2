#include "engine/scoring/search_ranker.h"

#include "engine/scoring/package_parts.h"
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace engine {
namespace {

/// The numbers of a tensor of n rows; empty when it is not there.
template <class T>
Result<std::vector<T>> take(const Package &package, const std::string &name, const char *dtype,
                            std::size_t rows, bool isRowsExact = true)
{
    std::vector<T> out;
    const auto *entry = package.find(name);
    if (entry == nullptr)
        return out;
    if (entry->dtype != dtype || entry->shape.empty()
        || (isRowsExact && entry->shape[0] != static_cast<std::int64_t>(rows)))
        return refuseModel("its tensor " + name + " has another form");
    out.resize(entry->bytes / sizeof(T));
    std::memcpy(out.data(), package.weights.data() + entry->offset, entry->bytes);
    return out;
}

Result<LatentSpace> openSpace(const Package &package, const std::string &name, std::size_t rows,
                              std::size_t words)
{
    LatentSpace space;
    auto products = take<float>(package, name + ".products", "F32", rows);
    auto vectors = take<float>(package, name + ".words", "F32", 0, false);
    auto group = take<std::int32_t>(package, name + ".group", "I32", rows);
    if (!products)
        return tl::unexpected(products.error());
    if (!vectors)
        return tl::unexpected(vectors.error());
    if (!group)
        return tl::unexpected(group.error());
    if (products->empty() != group->empty() || (products->empty() && !vectors->empty()))
        return refuseModel("a part of its tensors " + name + ".* is missing");
    if (products->empty())
        return space;
    space.dims = products->size() / rows;
    if (space.dims == 0 || vectors->size() % space.dims != 0
        || vectors->size() / space.dims > words)
        return refuseModel("its tensors " + name + ".* do not fit together");
    for (const auto *values : {&*products, &*vectors}) {
        if (!std::all_of(values->begin(), values->end(), [](float x) { return std::isfinite(x); }))
            return refuseModel("its tensors " + name + ".* hold NaN or infinity");
    }
    for (const auto number : *group) {
        if (number < 0 || static_cast<std::size_t>(number) >= rows)
            return refuseModel("its tensor " + name + ".group names a group that cannot be");
        space.group.push_back(static_cast<std::uint32_t>(number));
        space.groups = std::max(space.groups, static_cast<std::size_t>(number) + 1);
    }
    space.products = std::move(*products);
    space.words = std::move(*vectors);
    return space;
}

Result<Bm25Settings> openSettings(const Package &package)
{
    Bm25Settings out;
    const auto read = [&](const std::string &name, double least, double most, double &value) {
        const auto at = package.manifest.settings.find(name);
        const bool isFine =
            at != package.manifest.settings.end() && at->second >= least && at->second <= most;
        if (isFine)
            value = at->second;
        return isFine;
    };
    bool isFine = read("bm25.k1", 0, 100, out.k1) && read("bm25.b", 0, 1, out.b);
    for (std::size_t f = 0; f < kSearchFields; ++f) {
        const auto name = "bm25." + std::string(searchFieldName(static_cast<SearchField>(f)));
        isFine = isFine && read(name, 0, 1000, out.weights[f]);
    }
    if (!isFine)
        return refuseModel("the settings bm25.* are missing or out of range");
    return out;
}

} // namespace

double searchScore(const SearchFeatures &features, const RankerModel &model,
                   const QueryContext &context, std::uint32_t product)
{
    if (model.treesWeight == 0 && model.netsWeight == 0)
        return context.unit > 0 ? model.bm25 * context.bm25[product] / context.unit : 0;
    std::vector<float> row(searchFeatureNames().size());
    features.features(context, product, row);
    return model.score(row);
}

Result<std::unique_ptr<SearchRanker>> SearchRanker::open(const Package &package)
{
    if (package.manifest.family != "search")
        return refuseModel("its family is " + package.manifest.family + ", not search");
    const auto file = package.files.find("search.index");
    if (file == package.files.end())
        return refuseModel(
            "it holds no search.index: it was trained on rows of features (libsvm) and "
            "answers `predict`");
    auto index = SearchIndex::decode(file->second, "search.index");
    if (!index)
        return tl::unexpected(index.error());
    const auto n = index->products(), words = index->words();
    auto settings = openSettings(package);
    if (!settings)
        return tl::unexpected(settings.error());
    auto numbers = take<float>(package, "products.numbers", "F32", n);
    if (!numbers)
        return tl::unexpected(numbers.error());
    if (numbers->size() != 2 * n)
        return refuseModel("its tensor products.numbers is missing or has another form");
    auto text = openSpace(package, "text", n, words);
    if (!text)
        return tl::unexpected(text.error());
    auto names = openSpace(package, "names", n, words);
    if (!names)
        return tl::unexpected(names.error());
    auto model = RankerModel::open(package);
    if (!model)
        return tl::unexpected(model.error());
    if (model->features != searchFeatureNames().size())
        return refuseModel("its ranker was trained on other features; train it again");

    std::unique_ptr<SearchRanker> ranker(new SearchRanker);
    ranker->m_version = package.manifest.version;
    ranker->m_digest = package.digest;
    std::vector<float> price(n), popularity(n);
    for (std::size_t p = 0; p < n; ++p) {
        price[p] = (*numbers)[2 * p];
        popularity[p] = (*numbers)[2 * p + 1];
        if (std::isinf(price[p]) || std::isinf(popularity[p]))
            return refuseModel("its tensor products.numbers holds infinity");
    }
    ranker->m_catalogue = std::make_unique<SearchCatalogue>(
        SearchCatalogue{std::move(*index), std::move(price), std::move(popularity),
                        std::move(*text), std::move(*names)});
    ranker->m_features =
        std::make_unique<SearchFeatures>(*ranker->m_catalogue, *settings, QueryOptions{});
    ranker->m_model = std::move(*model);
    return ranker;
}

double SearchRanker::score(const QueryContext &context, std::uint32_t product) const
{
    return searchScore(*m_features, m_model, context, product);
}

std::vector<SearchRanker::Scored> SearchRanker::ranked(const QueryContext &context,
                                                       bool isBm25Alone) const
{
    const bool isPlain = isBm25Alone || (m_model.treesWeight == 0 && m_model.netsWeight == 0);
    std::vector<Scored> out;
    for (std::size_t i = 0; i < context.candidates.size(); ++i) {
        // Without a ranker nothing speaks for what does not match.
        if (isPlain && i >= context.matching)
            break;
        const auto product = context.candidates[i];
        out.push_back({product, isBm25Alone ? context.bm25[product] : score(context, product)});
    }
    std::sort(out.begin(), out.end(), [](const Scored &a, const Scored &b) {
        return a.score != b.score ? a.score > b.score : a.product < b.product;
    });
    return out;
}

Result<std::vector<RankedProducts>> SearchRanker::rank(std::span<const std::string> queries,
                                                       int k) const
{
    if (k < 1)
        return fail(ErrorCode::Usage, "k must be at least 1");
    std::vector<RankedProducts> out;
    for (const auto &query : queries) {
        const auto context = m_features->context(query, static_cast<std::size_t>(k));
        auto scored = ranked(context, false);
        scored.resize(std::min(scored.size(), static_cast<std::size_t>(k)));
        auto &list = out.emplace_back();
        for (const auto &[product, score] : scored) {
            list.products.push_back(m_catalogue->index.ids()[product]);
            list.scores.push_back(static_cast<float>(score));
        }
    }
    return out;
}

Result<std::vector<float>> SearchRanker::scores(const std::string &query,
                                                std::span<const std::string> products) const
{
    const auto context = m_features->context(query);
    std::vector<float> out;
    for (const auto &id : products) {
        const auto product = m_catalogue->index.product(id);
        out.push_back(product ? static_cast<float>(score(context, *product))
                              : std::numeric_limits<float>::quiet_NaN());
    }
    return out;
}

} // namespace engine
