#pragma once
// From files to a trained search model: a catalogue becomes an index and latent spaces, judgments
// or clicks become a ranker. One thread.

#include "engine/training/search/click_model.h"
#include "engine/training/search/latent_space.h"
#include "engine/training/search/product_reader.h"
#include "engine/training/search/ranker_trainer.h"

namespace engine {

struct SearchOptions
{
    Bm25Settings bm25;
    Plurals plurals = Plurals::English;
    LatentOptions latent;
    RankerOptions ranker;
    PositionOptions clicks;
    std::map<std::string, std::string> productColumns;
};

/// Reads a recipe's settings over the defaults for data of that size; `isText`: products and
/// queries, else rows of features. `queries` and `features`: how much there is to learn from.
[[nodiscard]] Result<SearchOptions> searchOptions(const Recipe &recipe, bool isText,
                                                  std::size_t queries, std::uint64_t seed);

/// A catalogue that can be searched, before anything was learned.
struct Searchable
{
    std::unique_ptr<SearchCatalogue> catalogue; ///< its address is kept by `features`
    std::unique_ptr<SearchFeatures> features;
};
/// `products` is told apart by the file's ending. Notes repeated and dropped products.
[[nodiscard]] Result<Searchable> readSearchable(const std::filesystem::path &products,
                                                const std::string &format,
                                                const SearchOptions &options, bool withLatent,
                                                TrainMonitor &monitor);

/// Index, numbers, spaces and ranker as the package's tensors and files.
[[nodiscard]] TrainedModel searchModel(const SearchCatalogue &catalogue,
                                       const SearchOptions &options, const TrainedRanker &ranker);
/// The ranker alone: rows of features.
[[nodiscard]] TrainedModel rowsModel(const TrainedRanker &ranker);

} // namespace engine
