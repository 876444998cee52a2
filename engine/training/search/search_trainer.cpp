#include "engine/training/search/search_trainer.h"

#include "engine/base/digest.h"
#include "engine/training/owned_tensor.h"
#include "engine/training/trees/tree_columns.h"

#include <array>
#include <cstring>

namespace engine {
namespace {

void addSpace(TrainedModel &model, const std::string &name, const LatentSpace &space)
{
    if (space.dims == 0)
        return;
    const auto dims = static_cast<std::int64_t>(space.dims);
    const auto n = static_cast<std::int64_t>(space.group.size());
    model.tensors.push_back(ownedTensor(name + ".products", "F32", space.products, {n, dims}));
    if (!space.words.empty())
        model.tensors.push_back(
            ownedTensor(name + ".words", "F32", space.words,
                        {static_cast<std::int64_t>(space.words.size()) / dims, dims}));
    const std::vector<std::int32_t> group(space.group.begin(), space.group.end());
    model.tensors.push_back(ownedTensor(name + ".group", "I32", group, {n}));
}

void addNets(TrainedModel &model, const RankerNets &nets)
{
    if (nets.count == 0)
        return;
    const auto m = static_cast<std::int64_t>(nets.count), w = static_cast<std::int64_t>(nets.width);
    const auto d = static_cast<std::int64_t>(nets.features);
    model.tensors.push_back(ownedTensor("net.mean", "F32", nets.mean, {d}));
    model.tensors.push_back(ownedTensor("net.scale", "F32", nets.scale, {d}));
    model.tensors.push_back(ownedTensor("net.hidden", "F32", nets.hidden, {m, w, d}));
    model.tensors.push_back(ownedTensor("net.bias", "F32", nets.bias, {m, w}));
    model.tensors.push_back(ownedTensor("net.out", "F32", nets.out, {m, w}));
    model.tensors.push_back(ownedTensor("net.linear", "F32", nets.linear, {m, d}));
}

void addRanker(TrainedModel &model, const TrainedRanker &ranker)
{
    auto &settings = model.manifest.settings;
    settings["rank.features"] = static_cast<double>(ranker.model.features);
    settings["rank.bm25"] = ranker.model.bm25;
    settings["rank.trees"] = ranker.model.treesWeight;
    settings["rank.nets"] = ranker.model.netsWeight;
    if (!ranker.model.trees.roots.empty())
        addTrees(model, "trees", ranker.model.trees);
    addNets(model, ranker.model.nets);
    for (const auto &[name, value] : ranker.metrics)
        model.manifest.metrics[name] = value;
}

} // namespace

Result<SearchOptions> searchOptions(const Recipe &recipe, bool isText, std::size_t queries,
                                    std::uint64_t seed)
{
    SearchOptions options;
    auto &ranker = options.ranker;
    ranker.seed = ranker.trees.seed = ranker.nets.seed = options.latent.seed = seed;
    ranker.trees.isLambda = isText;
    if (!isText) {
        // Thousands of rows carry larger trees than a few judgments.
        ranker.trees.leaves = queries < 1000 ? 15 : 31;
        ranker.trees.forests = queries < 1000 ? 10 : 3;
        ranker.trees.trees = queries < 1000 ? 120 : 300;
        ranker.trees.leastRows = queries < 1000 ? 20 : 50;
    }
    SettingsReader in(recipe);
    in.number("k1", options.bm25.k1, 0, 100);
    in.number("b", options.bm25.b, 0, 1);
    for (std::size_t f = 0; f < kSearchFields; ++f)
        in.number("weight-" + std::string(searchFieldName(static_cast<SearchField>(f))),
                  options.bm25.weights[f], 0, 1000);
    std::string plurals = "english";
    in.choice("plurals", plurals, {"english", "s", "keep"});
    options.plurals = plurals == "english" ? Plurals::English
                      : plurals == "s"     ? Plurals::StripS
                                           : Plurals::Keep;
    in.whole("latent-dims", options.latent.dims, 2, 512);
    in.whole("latent-per-group", options.latent.perGroup, 2, 100'000);
    in.choice("ranker", ranker.parts, {"auto", "bm25", "trees", "nets", "both"});
    in.whole("folds", ranker.folds, 2, 100);
    in.whole("negatives", ranker.negatives, 0, 100);
    in.number("negative-weight", ranker.negativeWeight, 0, 10);
    // Rows of features: squared error, as cross-validation inside train had it on lambdarank.
    std::string loss = isText ? "auto" : "squares";
    in.choice("tree-loss", loss, {"auto", "lambdarank", "squares"});
    ranker.triesBothLosses = isText && loss == "auto";
    ranker.trees.isLambda = loss == "lambdarank" || ranker.triesBothLosses;
    in.whole("trees", ranker.trees.trees, 1, 5000);
    in.whole("leaves", ranker.trees.leaves, 2, 256);
    in.whole("forests", ranker.trees.forests, 1, 100);
    in.whole("leaf-rows", ranker.trees.leastRows, 1, 100'000);
    in.number("tree-rate", ranker.trees.rate, 0.001, 1);
    in.number("tree-l2", ranker.trees.l2, 0, 1e6);
    in.number("feature-share", ranker.trees.featureShare, 0.01, 1);
    in.number("query-share", ranker.trees.queryShare, 0.1, 1);
    in.whole("nets", ranker.nets.nets, 1, 64);
    in.whole("net-width", ranker.nets.width, 1, 1024);
    in.whole("net-steps", ranker.nets.steps, 1, 100'000);
    in.number("net-rate", ranker.nets.rate, 1e-6, 1);
    in.number("net-decay", ranker.nets.decay, 0, 100);
    in.whole("click-rounds", options.clicks.rounds, 1, 10'000);
    in.number("click-prior", options.clicks.prior, 0, 1e6);
    for (const char *role : {"item", "title", "description", "long-text", "supplier", "category",
                             "price", "popularity"}) {
        std::string column;
        in.text("product-" + std::string(role), column);
        if (!column.empty())
            options.productColumns[role] = column;
    }
    DR_RETURN_IF_ERROR(in.finish());
    return options;
}

Result<Searchable> readSearchable(const std::filesystem::path &products, const std::string &format,
                                  const SearchOptions &options, bool withLatent,
                                  TrainMonitor &monitor)
{
    monitor.progress("reading products", -1);
    auto read = readProducts(products, format, options.productColumns, options.plurals, monitor);
    if (!read)
        return tl::unexpected(read.error());
    if (read->repeated > 0)
        monitor.note(std::to_string(read->repeated)
                     + " products have an id that stood before; the first one counts");
    if (read->dropped > 0)
        monitor.note(std::to_string(read->dropped)
                     + " products without id or with a wrong number of fields were dropped");
    Searchable out;
    LatentSpace text, names;
    if (withLatent) {
        monitor.progress("finding products that are alike", -1);
        constexpr std::array kAll{SearchField::Title,      SearchField::Description,
                                  SearchField::Supplier,   SearchField::Category,
                                  SearchField::Attributes, SearchField::Names};
        constexpr std::array kNames{SearchField::Names};
        auto all = latentSpace(read->index, kAll, true, options.latent, monitor.stop());
        if (!all)
            return tl::unexpected(all.error());
        auto byName = latentSpace(read->index, kNames, false, options.latent, monitor.stop());
        if (!byName)
            return tl::unexpected(byName.error());
        text = std::move(*all);
        names = std::move(*byName);
    }
    out.catalogue = std::make_unique<SearchCatalogue>(
        SearchCatalogue{std::move(read->index), std::move(read->price), std::move(read->popularity),
                        std::move(text), std::move(names)});
    out.features = std::make_unique<SearchFeatures>(*out.catalogue, options.bm25, QueryOptions{});
    return out;
}

TrainedModel searchModel(const SearchCatalogue &catalogue, const SearchOptions &options,
                         const TrainedRanker &ranker)
{
    TrainedModel model;
    model.manifest.family = "search";
    auto &settings = model.manifest.settings;
    settings["bm25.k1"] = options.bm25.k1;
    settings["bm25.b"] = options.bm25.b;
    for (std::size_t f = 0; f < kSearchFields; ++f)
        settings["bm25." + std::string(searchFieldName(static_cast<SearchField>(f)))] =
            options.bm25.weights[f];
    const auto n = catalogue.index.products();
    settings["products"] = static_cast<double>(n);
    std::vector<float> numbers;
    for (std::size_t p = 0; p < n; ++p) {
        numbers.push_back(catalogue.price[p]);
        numbers.push_back(catalogue.popularity[p]);
    }
    model.tensors.push_back(
        ownedTensor("products.numbers", "F32", numbers, {static_cast<std::int64_t>(n), 2}));
    // Without a ranker nobody reads the spaces.
    if (ranker.model.treesWeight != 0 || ranker.model.netsWeight != 0) {
        addSpace(model, "text", catalogue.text);
        addSpace(model, "names", catalogue.names);
    }
    addRanker(model, ranker);
    model.files["search.index"] = catalogue.index.encode();
    std::string ids;
    for (const auto &id : catalogue.index.ids())
        ids += id + '\n';
    model.manifest.featureSchema = hex(sha256(ids));
    return model;
}

TrainedModel rowsModel(const TrainedRanker &ranker)
{
    TrainedModel model;
    model.manifest.family = "search";
    addRanker(model, ranker);
    model.manifest.featureSchema = hex(sha256("libsvm " + std::to_string(ranker.model.features)));
    return model;
}

} // namespace engine
