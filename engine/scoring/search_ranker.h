#pragma once
// Answers queries from a package of the family search: BM25 finds candidates, a ranker orders them
// (or BM25 alone, when the package holds no ranker). Package: the file search.index; tensors
// products.numbers F32 [n, 2] (price, popularity; NaN: not known), optionally text.products,
// text.words, text.group, names.products, names.group (LatentSpace) and the ranker's own; settings
// bm25.k1, bm25.b, bm25.FIELD.

#include "engine/model/query_ranker.h"
#include "engine/scoring/ranker_model.h"
#include "engine/scoring/search_features.h"

namespace engine {

class SearchRanker final : public QueryRanker
{
public:
    /// InvalidInput for another family, and unless all parts fit together.
    [[nodiscard]] static Result<std::unique_ptr<SearchRanker>> open(const Package &package);

    [[nodiscard]] Result<std::vector<RankedProducts>> rank(std::span<const std::string> queries,
                                                           int k) const override;
    [[nodiscard]] Result<std::vector<float>>
    scores(const std::string &query, std::span<const std::string> products) const override;
    [[nodiscard]] std::span<const std::string> productIds() const override
    {
        return m_catalogue->index.ids();
    }
    [[nodiscard]] std::string version() const override { return m_version; }
    [[nodiscard]] std::string digest() const override { return m_digest; }
    [[nodiscard]] std::string family() const override { return "search"; }

    struct Scored
    {
        std::uint32_t product;
        double score;
    };
    /// All that is worth ranking, at least `k` of what matches, best first; BM25 alone if told so.
    [[nodiscard]] std::vector<Scored> ranked(const QueryContext &context, bool isBm25Alone) const;
    [[nodiscard]] double score(const QueryContext &context, std::uint32_t product) const;
    [[nodiscard]] const SearchFeatures &features() const { return *m_features; }
    [[nodiscard]] const SearchIndex &index() const { return m_catalogue->index; }

private:
    SearchRanker() = default;
    std::string m_version, m_digest;
    std::unique_ptr<SearchCatalogue> m_catalogue; ///< its address is kept by m_features
    std::unique_ptr<SearchFeatures> m_features;
    RankerModel m_model;
};

/// One score from the same features and model, offline and live.
[[nodiscard]] double searchScore(const SearchFeatures &features, const RankerModel &model,
                                 const QueryContext &context, std::uint32_t product);

} // namespace engine
