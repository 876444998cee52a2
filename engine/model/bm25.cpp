#include "engine/model/bm25.h"

#include "engine/base/exact_math.h"

#include <algorithm>

namespace engine {

Bm25::Bm25(const SearchIndex &index, const Bm25Settings &settings)
    : m_index(index), m_settings(settings)
{
    const auto n = index.products();
    std::vector<double> lengths(n, 0);
    double mean = 0;
    for (std::size_t f = 0; f < kSearchFields; ++f) {
        if (settings.weights[f] <= 0)
            continue;
        const auto field = static_cast<SearchField>(f);
        for (std::size_t p = 0; p < n; ++p)
            lengths[p] += settings.weights[f] * index.length(p, field);
        mean += settings.weights[f] * index.meanLength(field);
    }
    m_norm.resize(n);
    for (std::size_t p = 0; p < n; ++p) {
        const double share = mean > 0 ? lengths[p] / mean : 1;
        m_norm[p] = settings.k1 * (1 - settings.b + settings.b * share);
    }
    std::vector<std::uint32_t> seen(n, UINT32_MAX);
    m_idf.resize(index.words());
    for (std::uint32_t w = 0; w < index.words(); ++w) {
        double having = 0;
        for (std::size_t f = 0; f < kSearchFields; ++f) {
            if (settings.weights[f] <= 0)
                continue;
            for (const auto &posting : index.postings(w, static_cast<SearchField>(f))) {
                having += seen[posting.product] != w ? 1 : 0;
                seen[posting.product] = w;
            }
        }
        m_idf[w] = exact::log(1 + (static_cast<double>(n) - having + 0.5) / (having + 0.5));
    }
}

double Bm25::idfOf(const SearchQuery &query, const JoinedWord &joined) const
{
    double sum = 0;
    for (const auto part : {joined.part, joined.part + 1}) {
        const bool isKnown = part < query.parts.size() && !query.parts[part].words.empty();
        sum += m_idf[isKnown ? query.parts[part].words.front().word : joined.word];
    }
    return std::max(sum, m_idf[joined.word]);
}

void Bm25::addWord(std::uint32_t word, double worth, std::span<double> out,
                   std::vector<double> &counts, std::vector<std::uint32_t> &touched) const
{
    touched.clear();
    for (std::size_t f = 0; f < kSearchFields; ++f) {
        if (m_settings.weights[f] <= 0)
            continue;
        for (const auto &posting : m_index.postings(word, static_cast<SearchField>(f))) {
            if (counts[posting.product] == 0)
                touched.push_back(posting.product);
            counts[posting.product] += m_settings.weights[f] * posting.count;
        }
    }
    const double gain = worth * (m_settings.k1 + 1);
    for (const auto product : touched) {
        out[product] += gain * counts[product] / (counts[product] + m_norm[product]);
        counts[product] = 0;
    }
}

void Bm25::score(const SearchQuery &query, std::span<double> out) const
{
    std::vector<double> counts(m_index.products(), 0);
    std::vector<std::uint32_t> touched;
    for (const auto &part : query.parts) {
        for (const auto &choice : part.words)
            addWord(choice.word, choice.weight * m_idf[choice.word], out, counts, touched);
    }
    for (const auto &joined : query.joined)
        addWord(joined.word, idfOf(query, joined), out, counts, touched);
}

double Bm25::unit(const SearchQuery &query) const
{
    double sum = 0;
    for (const auto &part : query.parts)
        sum += part.words.empty() ? 0 : m_idf[part.words.front().word];
    for (const auto &joined : query.joined)
        sum = std::max(sum, idfOf(query, joined));
    return sum;
}

} // namespace engine
