#pragma once
// What a ranker sees of a query and a product: how well the words match, field by field, where in
// the title, how the product differs from what BM25 finds (price, number of attributes, length),
// and how close it lies to the query and to BM25's best products among products that resemble it
// (latent vectors and groups). Immutable; any thread. Plain loops in double: a product's features
// depend on nothing but the query and the catalogue.

#include "engine/model/bm25.h"

#include <memory>

namespace engine {

/// Unit vectors of the products, and of the most frequent words (0 .. words-1), both row-major;
/// empty when there are none. `group` is a product's group of products like it.
struct LatentSpace
{
    std::size_t dims = 0;
    std::vector<float> products, words;
    std::vector<std::uint32_t> group;
    std::size_t groups = 0;
};

/// A catalogue as the package holds it.
struct SearchCatalogue
{
    SearchIndex index;
    std::vector<float> price, popularity; ///< per product; NaN: not known
    LatentSpace text, names; ///< from all words; from the names of attributes (no word vectors)
};

/// Names of the features, in their order.
[[nodiscard]] const std::vector<std::string> &searchFeatureNames();

/// All that the features need to know of one query.
struct QueryContext
{
    SearchQuery query;
    double unit = 0;                       ///< Bm25::unit
    std::vector<double> bm25;              ///< per product
    std::vector<std::uint32_t> candidates; ///< what is worth ranking: BM25's best, best first, then
                                           ///< the nearest by text vectors
    std::size_t matching = 0;              ///< candidates that BM25 found
    double bestBm25 = 0;
    std::vector<double> queryVector;             ///< text space; empty when no word has a vector
    std::vector<std::vector<double>> feedback;   ///< unit centroids of BM25's best: text 10, 50,
                                                 ///< names 10, 50
    std::vector<std::vector<double>> groupShare; ///< text title, text any, names title, names any
    std::vector<std::vector<double>> groupBm25;  ///< mean per group: text, names
    struct Spread
    {
        double mean = 0, deviation = 1;
    };
    std::vector<Spread> spreads; ///< of the plain numbers over BM25's best 100
    std::vector<double> shared;  ///< features of the query alone
};

class SearchFeatures
{
public:
    SearchFeatures(const SearchCatalogue &catalogue, const Bm25Settings &settings,
                   QueryOptions options);

    /// At least `most` candidates where so many match. The features do not depend on it.
    [[nodiscard]] QueryContext context(std::string_view query, std::size_t most = 0) const;
    /// `out` takes searchFeatureNames().size() numbers, all finite.
    void features(const QueryContext &context, std::uint32_t product, std::span<float> out) const;
    [[nodiscard]] const Bm25 &bm25() const { return m_bm25; }

private:
    [[nodiscard]] std::vector<double> plain(const QueryContext &context,
                                            std::uint32_t product) const;
    void addFeedback(QueryContext &context) const;
    void addGroups(QueryContext &context) const;
    void addSpreads(QueryContext &context) const;

    const SearchCatalogue &m_catalogue;
    Bm25 m_bm25;
    QueryReader m_reader;
    std::array<double, kSearchFields> m_meanLengths{};
    std::array<std::vector<double>, 2> m_groupSizes;
};

} // namespace engine
