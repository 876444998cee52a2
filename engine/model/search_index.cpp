#include "engine/model/search_index.h"

#include <algorithm>
#include <numeric>

namespace engine {
namespace {

constexpr std::string_view kMagic = "DRSEARCH1\n";
constexpr std::uint64_t kMostProducts = 50'000'000, kLongestName = 1 << 16;

void putNumber(Bytes &out, std::uint64_t value)
{
    while (value >= 0x80) {
        out.push_back(static_cast<std::uint8_t>(value | 0x80));
        value >>= 7;
    }
    out.push_back(static_cast<std::uint8_t>(value));
}

void putText(Bytes &out, const std::string &text)
{
    putNumber(out, text.size());
    out.insert(out.end(), text.begin(), text.end());
}

/// Reads what the functions above wrote; after a failure everything is 0 and ok() false.
class Parser
{
public:
    explicit Parser(std::span<const std::uint8_t> data) : m_data(data) {}
    [[nodiscard]] bool ok() const { return m_ok; }
    [[nodiscard]] std::size_t at() const { return m_at; }
    [[nodiscard]] std::size_t left() const { return m_data.size() - m_at; }

    bool literal(std::string_view text)
    {
        if (left() < text.size()
            || !std::equal(text.begin(), text.end(), m_data.begin() + std::ptrdiff_t(m_at)))
            return m_ok = false;
        m_at += text.size();
        return true;
    }
    /// At most `most`; written in the shortest way.
    std::uint64_t number(std::uint64_t most)
    {
        std::uint64_t value = 0;
        for (int shift = 0; m_ok; shift += 7) {
            if (left() == 0 || shift > 56)
                break;
            const auto byte = m_data[m_at++];
            value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
            if ((byte & 0x80) == 0) {
                if (value <= most && (byte != 0 || shift == 0))
                    return value;
                break;
            }
        }
        m_ok = false;
        return 0;
    }
    std::string text()
    {
        const auto size = number(std::min<std::uint64_t>(left(), kLongestName));
        if (size > left())
            m_ok = false;
        if (!m_ok)
            return {};
        std::string out(reinterpret_cast<const char *>(m_data.data()) + m_at, size);
        m_at += size;
        return out;
    }

private:
    std::span<const std::uint8_t> m_data;
    std::size_t m_at = 0;
    bool m_ok = true;
};

std::optional<std::uint32_t> findIn(const std::vector<std::string> &names,
                                    const std::vector<std::uint32_t> &order, std::string_view name)
{
    const auto at = std::lower_bound(
        order.begin(), order.end(), name,
        [&](std::uint32_t number, std::string_view text) { return names[number] < text; });
    if (at == order.end() || names[*at] != name)
        return std::nullopt;
    return *at;
}

bool sortByText(const std::vector<std::string> &names, std::vector<std::uint32_t> &order)
{
    order.resize(names.size());
    std::iota(order.begin(), order.end(), 0u);
    std::sort(order.begin(), order.end(),
              [&](std::uint32_t a, std::uint32_t b) { return names[a] < names[b]; });
    return std::adjacent_find(
               order.begin(), order.end(),
               [&](std::uint32_t a, std::uint32_t b) { return names[a] == names[b]; })
           == order.end();
}

} // namespace

std::string_view searchFieldName(SearchField field)
{
    constexpr std::array<std::string_view, kSearchFields> kNames{
        "title", "description", "long-text", "supplier", "category", "attributes", "names"};
    return kNames[static_cast<std::size_t>(field)];
}

SearchIndex::Builder::Builder(Plurals plurals) : m_plurals(plurals)
{
    for (auto &starts : m_starts)
        starts.push_back(0);
}

std::uint32_t SearchIndex::Builder::number(const std::string &word)
{
    const auto [at, isNew] =
        m_wordNumbers.try_emplace(word, static_cast<std::uint32_t>(m_words.size()));
    if (isNew)
        m_words.push_back(word);
    return at->second;
}

bool SearchIndex::Builder::add(const ProductText &product)
{
    if (!m_idNumbers.try_emplace(product.id, static_cast<std::uint32_t>(m_ids.size())).second)
        return false;
    m_ids.push_back(product.id);
    for (std::size_t f = 0; f < kSearchFields; ++f) {
        const auto &text = product.fields[f];
        if (f == static_cast<std::size_t>(SearchField::Names)) {
            // A leading blank keeps names apart from words: no word has one.
            for (std::size_t at = 0; at < text.size();) {
                const auto end = std::min(text.find('\n', at), text.size());
                if (end > at)
                    m_text[f].push_back(
                        number(' ' + text.substr(at, std::min<std::size_t>(end - at, 200))));
                at = end + 1;
            }
        } else {
            for (const auto &word : wordsOf(text, m_plurals))
                m_text[f].push_back(number(word));
        }
        m_starts[f].push_back(m_text[f].size());
    }
    return true;
}

Result<SearchIndex> SearchIndex::Builder::finish()
{
    if (m_ids.empty())
        return fail(ErrorCode::InvalidInput, "There are no products to search in");
    SearchIndex index;
    index.m_plurals = m_plurals;
    index.m_ids = std::move(m_ids);
    std::vector<std::uint64_t> totals(m_words.size());
    for (const auto &text : m_text) {
        for (const auto word : text)
            ++totals[word];
    }
    std::vector<std::uint32_t> order(m_words.size()), renumbered(m_words.size());
    std::iota(order.begin(), order.end(), 0u);
    std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
        return totals[a] != totals[b] ? totals[a] > totals[b] : m_words[a] < m_words[b];
    });
    for (std::uint32_t i = 0; i < order.size(); ++i) {
        renumbered[order[i]] = i;
        index.m_words.push_back(std::move(m_words[order[i]]));
    }
    for (std::size_t f = 0; f < kSearchFields; ++f) {
        for (auto &word : m_text[f])
            word = renumbered[word];
        index.m_fields[f].text = std::move(m_text[f]);
        index.m_fields[f].starts = std::move(m_starts[f]);
    }
    index.sortNames();
    index.invert();
    return index;
}

bool SearchIndex::sortNames()
{
    const bool areWordsOne = sortByText(m_words, m_wordOrder);
    return sortByText(m_ids, m_idOrder) && areWordsOne;
}

void SearchIndex::invert()
{
    m_totals.assign(m_words.size(), 0);
    std::vector<std::uint32_t> seen(m_words.size()), counts(m_words.size());
    for (auto &field : m_fields) {
        for (const auto word : field.text)
            ++m_totals[word];
        // First how many products have each word, then which.
        std::vector<std::uint64_t> ends(m_words.size() + 1, 0);
        std::fill(seen.begin(), seen.end(), UINT32_MAX);
        for (std::uint32_t p = 0; p + 1 < field.starts.size(); ++p) {
            for (auto i = field.starts[p]; i < field.starts[p + 1]; ++i) {
                const auto word = field.text[i];
                if (seen[word] != p)
                    ++ends[word + 1];
                seen[word] = p;
            }
        }
        std::partial_sum(ends.begin(), ends.end(), ends.begin());
        field.postingStarts = ends;
        field.postings.resize(ends.back());
        std::fill(seen.begin(), seen.end(), UINT32_MAX);
        for (std::uint32_t p = 0; p + 1 < field.starts.size(); ++p) {
            for (auto i = field.starts[p]; i < field.starts[p + 1]; ++i) {
                const auto word = field.text[i];
                if (seen[word] != p)
                    field.postings[ends[word]++] = {p, 0};
                seen[word] = p;
                ++field.postings[ends[word] - 1].count;
            }
        }
    }
}

std::optional<std::uint32_t> SearchIndex::product(std::string_view id) const
{
    return findIn(m_ids, m_idOrder, id);
}

std::optional<std::uint32_t> SearchIndex::find(std::string_view word) const
{
    return findIn(m_words, m_wordOrder, word);
}

std::span<const std::uint32_t> SearchIndex::text(std::size_t product, SearchField field) const
{
    const auto &f = m_fields[static_cast<std::size_t>(field)];
    return {f.text.data() + f.starts[product], f.starts[product + 1] - f.starts[product]};
}

std::span<const Posting> SearchIndex::postings(std::uint32_t word, SearchField field) const
{
    const auto &f = m_fields[static_cast<std::size_t>(field)];
    return {f.postings.data() + f.postingStarts[word],
            f.postingStarts[word + 1] - f.postingStarts[word]};
}

double SearchIndex::meanLength(SearchField field) const
{
    return static_cast<double>(m_fields[static_cast<std::size_t>(field)].text.size())
           / static_cast<double>(m_ids.size());
}

Bytes SearchIndex::encode() const
{
    Bytes out(kMagic.begin(), kMagic.end());
    putNumber(out, static_cast<std::uint64_t>(m_plurals));
    putNumber(out, m_ids.size());
    putNumber(out, m_words.size());
    for (const auto &id : m_ids)
        putText(out, id);
    for (const auto &word : m_words)
        putText(out, word);
    for (const auto &field : m_fields) {
        for (std::size_t p = 0; p < m_ids.size(); ++p) {
            putNumber(out, field.starts[p + 1] - field.starts[p]);
            for (auto i = field.starts[p]; i < field.starts[p + 1]; ++i)
                putNumber(out, field.text[i]);
        }
    }
    return out;
}

Result<SearchIndex> SearchIndex::decode(std::span<const std::uint8_t> data, const std::string &file)
{
    Parser in(data);
    const auto refuse = [&](const std::string &why) {
        return fail(ErrorCode::InvalidInput, "The search index cannot be used: " + why,
                    file + ":" + std::to_string(in.at()));
    };
    if (!in.literal(kMagic))
        return refuse("it does not start like one that this version writes");
    SearchIndex index;
    index.m_plurals = static_cast<Plurals>(in.number(2));
    // Everything announced takes at least a byte, so no count can ask for more memory than there
    // are bytes.
    const auto products = in.number(std::min<std::uint64_t>(kMostProducts, in.left()));
    const auto words = in.number(std::min<std::uint64_t>(UINT32_MAX - 1, in.left()));
    for (std::uint64_t i = 0; i < products && in.ok(); ++i)
        index.m_ids.push_back(in.text());
    for (std::uint64_t i = 0; i < words && in.ok(); ++i)
        index.m_words.push_back(in.text());
    if (!in.ok() || products == 0)
        return refuse("its lists of products and words are broken");
    for (auto &field : index.m_fields) {
        for (std::uint64_t p = 0; p < products && in.ok(); ++p) {
            const auto count = in.number(in.left());
            for (std::uint64_t i = 0; i < count && in.ok(); ++i) {
                const auto word = in.number(UINT32_MAX);
                if (word >= words)
                    return refuse("it names a word that it does not have");
                field.text.push_back(static_cast<std::uint32_t>(word));
            }
            field.starts.push_back(field.text.size());
        }
    }
    if (!in.ok() || in.left() > 0)
        return refuse(in.ok() ? "there are bytes after its end" : "it ends early or is damaged");
    if (!index.sortNames())
        return refuse("a word or a product stands in it twice");
    index.invert();
    for (std::size_t i = 1; i < index.m_totals.size(); ++i) {
        if (index.m_totals[i] > index.m_totals[i - 1])
            return refuse("its words are not sorted by how frequent they are");
    }
    return index;
}

} // namespace engine
