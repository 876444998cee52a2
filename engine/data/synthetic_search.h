#pragma once
// Queries over a catalogue of titles, with the grade of every product for every query. Immutable
// after construction: any thread. The same catalogue and seed give the same bytes everywhere.
//
// A query is the last word of a product's title (what kind of thing it is) and, mostly, one or two
// of the others; which product is drawn by popularity. Of the products of that kind
//   grade = 1 + (words of the query that the title has besides) + (1 for the best-selling fifth)
// and everything else is worth 0. That the popular ones are better is in no text, so a ranker has
// something to learn that BM25 cannot know.

#include "engine/base/random.h"

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace engine {

class SyntheticSearch
{
public:
    struct Product
    {
        std::string id, title;
        double price = 0;
    };
    /// `popular`: numbers of products, best-selling first; every product once.
    SyntheticSearch(std::vector<Product> products, std::span<const std::uint32_t> popular,
                    std::uint64_t seed);

    [[nodiscard]] std::string query(std::uint64_t number) const;
    /// Outside id -> grade above 0.
    [[nodiscard]] std::map<std::string, double> grades(const std::string &query) const;
    /// JSON lines with id, title, price, popularity (1 best-selling .. 0).
    [[nodiscard]] std::string catalogue() const;
    /// CSV query,item,grade of the queries first .. end - 1: all that is above 0, and some others.
    [[nodiscard]] std::string judgments(std::uint64_t first, std::uint64_t end) const;

private:
    [[nodiscard]] Random drawsOf(std::uint64_t number) const;
    std::vector<Product> m_products;
    std::vector<std::vector<std::string>> m_words; ///< of the titles, by product
    std::vector<std::uint32_t> m_popular, m_rank;
    std::vector<double> m_share; ///< cumulative, along m_popular
    std::uint64_t m_seed;
};

} // namespace engine
