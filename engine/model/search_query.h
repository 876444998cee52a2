#pragma once
// What a query means to a search index: its words, other spellings of words that nobody has (edit
// distance 1 or 2), and words written apart or together ("smart watch", "head set"). Immutable; any
// thread. The index must outlive the reader.

#include "engine/model/search_index.h"

namespace engine {

struct QueryWord
{
    std::uint32_t word;
    double weight; ///< 1; below for another spelling
};

struct QueryPart
{
    std::vector<QueryWord> words; ///< alternatives, the likeliest first; empty: nobody has the word
};

struct JoinedWord
{
    std::uint32_t word;
    std::size_t part; ///< stands for this part and the next
};

struct SearchQuery
{
    std::vector<QueryPart> parts; ///< in the query's order, without repeats
    std::vector<JoinedWord> joined;
    std::size_t unknown = 0;   ///< parts without a word
    std::size_t corrected = 0; ///< parts that were read as another word
    bool isCut = false;        ///< the query has more than kMostQueryWords words
};

inline constexpr std::size_t kMostQueryWords = 32;

struct QueryOptions
{
    bool typos = true;     ///< other spellings for unknown words
    bool compounds = true; ///< join neighbours, split unknown words
};

/// Levenshtein distance in characters (code points), neighbours swapped counting 1; above `most`
/// gives most + 1.
[[nodiscard]] int editDistance(std::u32string_view a, std::u32string_view b, int most);

class QueryReader
{
public:
    QueryReader(const SearchIndex &index, QueryOptions options);
    [[nodiscard]] SearchQuery read(std::string_view text) const;
    /// The likeliest spellings of a word that nobody has: one edit from 4 letters on, two from 8;
    /// nearest first, then the more frequent. Words of two edits must share the first letter.
    [[nodiscard]] std::vector<QueryWord> spellings(std::string_view word) const;

private:
    struct Deletion
    {
        std::uint32_t hash, word;
    };
    void addSplit(const std::string &word, std::vector<QueryPart> &parts, bool &isSplit) const;

    const SearchIndex &m_index;
    QueryOptions m_options;
    /// Each word of 3 letters or more without each one of its letters, by hash: two words one edit
    /// apart share such a rest or are one another's.
    std::vector<Deletion> m_deletions;
    std::unordered_map<char32_t, std::vector<std::uint32_t>> m_byFirst;
};

} // namespace engine
