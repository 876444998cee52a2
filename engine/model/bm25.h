#pragma once
// BM25 over the weighted fields of a search index (BM25F in its simple form: the fields are one
// text in which a field of weight w counts w times; Robertson, Zaragoza & Taylor, CIKM 2004).
//     score(d) = sum over the query's words of idf * tf (k1 + 1) / (tf + k1 (1 - b + b len /
//     mean)), idf = ln(1 + (N - n + .5) / (n + .5)), n = products with the word in a field of
//     weight > 0.
// A word that two neighbours of the query make ("smart watch": "smartwatch") is worth both: the sum
// of their idf, in which its own stands for a part that nobody has.
// Immutable; any thread. The index must outlive it.

#include "engine/model/search_query.h"

namespace engine {

struct Bm25Settings
{
    double k1 = 1.2, b = 0.75;
    std::array<double, kSearchFields> weights{2, 1, 0.3, 1, 1, 0.05, 0};
};

class Bm25
{
public:
    Bm25(const SearchIndex &index, const Bm25Settings &settings);

    /// Adds each product's score to `out` (one number per product, zeros before).
    void score(const SearchQuery &query, std::span<double> out) const;
    [[nodiscard]] double idf(std::uint32_t word) const { return m_idf[word]; }
    /// Sum over the query's parts of the idf of their first word: a score's natural unit.
    [[nodiscard]] double unit(const SearchQuery &query) const;

private:
    [[nodiscard]] double idfOf(const SearchQuery &query, const JoinedWord &joined) const;
    /// `worth`: the idf times the weight.
    void addWord(std::uint32_t word, double worth, std::span<double> out,
                 std::vector<double> &counts, std::vector<std::uint32_t> &touched) const;
    const SearchIndex &m_index;
    Bm25Settings m_settings;
    std::vector<double> m_idf;
    std::vector<double> m_norm; ///< k1 (1 - b + b len / mean) per product
};

} // namespace engine
