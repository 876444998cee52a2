#include "engine/model/search_query.h"

#include <algorithm>

namespace engine {
namespace {

constexpr std::size_t kShortest = 4, kShortestForTwo = 8, kLongest = 32, kMostSpellings = 3;

/// Letters of a word of ours, which is valid UTF-8 or compared as if every byte were one.
std::u32string lettersOf(std::string_view word)
{
    std::u32string out;
    for (std::size_t at = 0; at < word.size();) {
        const auto first = static_cast<unsigned char>(word[at++]);
        char32_t c = first < 0x80 ? first : first & (first >= 0xF0 ? 0x07u : 0x1Fu);
        while (at < word.size() && (static_cast<unsigned char>(word[at]) & 0xC0) == 0x80)
            c = (c << 6) | (static_cast<unsigned char>(word[at++]) & 0x3Fu);
        out += c;
    }
    return out;
}

/// FNV-1a over the letters except the one at `without`.
std::uint32_t hashOf(std::u32string_view letters, std::size_t without)
{
    std::uint32_t hash = 2166136261u;
    for (std::size_t i = 0; i < letters.size(); ++i) {
        if (i != without)
            hash = (hash ^ static_cast<std::uint32_t>(letters[i])) * 16777619u;
    }
    return hash;
}

} // namespace

int editDistance(std::u32string_view a, std::u32string_view b, int most)
{
    const auto n = a.size(), m = b.size();
    if ((n > m ? n - m : m - n) > static_cast<std::size_t>(most))
        return most + 1;
    std::vector<int> twoBack(m + 1), back(m + 1), row(m + 1);
    for (std::size_t j = 0; j <= m; ++j)
        back[j] = static_cast<int>(j);
    for (std::size_t i = 1; i <= n; ++i) {
        row[0] = static_cast<int>(i);
        int least = row[0];
        for (std::size_t j = 1; j <= m; ++j) {
            row[j] = std::min(
                {back[j] + 1, row[j - 1] + 1, back[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = std::min(row[j], twoBack[j - 2] + 1);
            least = std::min(least, row[j]);
        }
        if (least > most)
            return most + 1;
        twoBack.swap(back);
        back.swap(row);
    }
    return std::min(back[m], most + 1);
}

QueryReader::QueryReader(const SearchIndex &index, QueryOptions options)
    : m_index(index), m_options(options)
{
    if (!options.typos)
        return;
    for (std::uint32_t w = 0; w < index.words(); ++w) {
        const auto &word = index.word(w);
        if (word.empty() || word.front() == ' ')
            continue;
        const auto letters = lettersOf(word);
        if (letters.size() + 1 < kShortest || letters.size() > kLongest)
            continue;
        m_deletions.push_back({hashOf(letters, SIZE_MAX), w});
        for (std::size_t i = 0; i < letters.size(); ++i)
            m_deletions.push_back({hashOf(letters, i), w});
        if (letters.size() + 2 >= kShortestForTwo)
            m_byFirst[letters.front()].push_back(w);
    }
    std::sort(m_deletions.begin(), m_deletions.end(), [](const Deletion &a, const Deletion &b) {
        return a.hash != b.hash ? a.hash < b.hash : a.word < b.word;
    });
}

std::vector<QueryWord> QueryReader::spellings(std::string_view word) const
{
    const auto letters = lettersOf(word);
    if (letters.size() < kShortest || letters.size() > kLongest)
        return {};
    struct Found
    {
        int distance;
        std::uint32_t word;
    };
    std::vector<Found> found;
    std::vector<std::uint32_t> looked;
    const auto lookUp = [&](std::uint32_t hash) {
        auto at = std::lower_bound(m_deletions.begin(), m_deletions.end(), hash,
                                   [](const Deletion &d, std::uint32_t h) { return d.hash < h; });
        for (; at != m_deletions.end() && at->hash == hash; ++at)
            looked.push_back(at->word);
    };
    lookUp(hashOf(letters, SIZE_MAX));
    for (std::size_t i = 0; i < letters.size(); ++i)
        lookUp(hashOf(letters, i));
    std::sort(looked.begin(), looked.end());
    looked.erase(std::unique(looked.begin(), looked.end()), looked.end());
    for (const auto candidate : looked) {
        if (editDistance(letters, lettersOf(m_index.word(candidate)), 1) <= 1)
            found.push_back({1, candidate});
    }
    if (found.empty() && letters.size() >= kShortestForTwo) {
        if (const auto bucket = m_byFirst.find(letters.front()); bucket != m_byFirst.end()) {
            for (const auto candidate : bucket->second) {
                if (editDistance(letters, lettersOf(m_index.word(candidate)), 2) <= 2)
                    found.push_back({2, candidate});
            }
        }
    }
    // Word numbers rise as words get rarer.
    std::sort(found.begin(), found.end(), [](const Found &a, const Found &b) {
        return a.distance != b.distance ? a.distance < b.distance : a.word < b.word;
    });
    std::vector<QueryWord> out;
    for (std::size_t i = 0; i < std::min(found.size(), kMostSpellings); ++i)
        out.push_back({found[i].word, (i == 0 ? 0.8 : 0.4) / found[i].distance});
    return out;
}

void QueryReader::addSplit(const std::string &word, std::vector<QueryPart> &parts,
                           bool &isSplit) const
{
    // The split whose rarer half is most frequent; halves of 3 letters at least.
    std::optional<std::pair<std::uint32_t, std::uint32_t>> best;
    for (std::size_t at = 3; at + 3 <= word.size(); ++at) {
        const auto left = m_index.find(std::string_view(word).substr(0, at));
        const auto right = m_index.find(std::string_view(word).substr(at));
        if (left && right
            && (!best || std::max(*left, *right) < std::max(best->first, best->second)))
            best = {*left, *right};
    }
    isSplit = best.has_value();
    if (best) {
        parts.push_back({{{best->first, 1}}});
        parts.push_back({{{best->second, 1}}});
    }
}

SearchQuery QueryReader::read(std::string_view text) const
{
    SearchQuery query;
    auto words = wordsOf(text, m_index.plurals(), true, kMostQueryWords + 1);
    query.isCut = words.size() > kMostQueryWords;
    words.resize(std::min(words.size(), kMostQueryWords));
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (std::find(words.begin(), words.begin() + std::ptrdiff_t(i), words[i])
            != words.begin() + std::ptrdiff_t(i))
            continue;
        if (m_options.compounds && i + 1 < words.size()) {
            if (const auto joined = m_index.find(words[i] + words[i + 1]))
                query.joined.push_back({*joined, query.parts.size()});
        }
        if (const auto known = m_index.find(words[i])) {
            query.parts.push_back({{{*known, 1}}});
            continue;
        }
        bool isSplit = false;
        if (m_options.compounds)
            addSplit(words[i], query.parts, isSplit);
        if (isSplit) {
            ++query.corrected;
            continue;
        }
        QueryPart part;
        if (m_options.typos)
            part.words = spellings(words[i]);
        (part.words.empty() ? query.unknown : query.corrected) += 1;
        query.parts.push_back(std::move(part));
    }
    return query;
}

} // namespace engine
