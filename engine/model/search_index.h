#pragma once
// The words of a catalogue, field by field, both ways: which words a product has (in order, for
// phrases and positions) and which products have a word (postings, for BM25). Immutable after
// building; any thread. On disk only the first way is kept, as variable-length numbers of words
// sorted by how frequent they are; the postings are made again on opening.

#include "engine/base/bytes.h"
#include "engine/base/error.h"
#include "engine/model/text_tokens.h"

#include <array>
#include <optional>
#include <span>
#include <unordered_map>

namespace engine {

enum class SearchField : std::size_t {
    Title,
    Description,
    LongText,
    Supplier,
    Category,
    Attributes, ///< texts of all other attributes
    Names       ///< names of the attributes a product has, each one word as it stands
};
inline constexpr std::size_t kSearchFields = 7;
[[nodiscard]] std::string_view searchFieldName(SearchField field);

struct ProductText
{
    std::string id;
    std::array<std::string, kSearchFields> fields; ///< Names: one name per line
};

struct Posting
{
    std::uint32_t product, count;
};

class SearchIndex
{
public:
    /// Numbers the products in the order given; a repeated id keeps its first product.
    class Builder
    {
    public:
        explicit Builder(Plurals plurals);
        /// False when the id was there before.
        bool add(const ProductText &product);
        /// InvalidInput when there is no product.
        [[nodiscard]] Result<SearchIndex> finish();

    private:
        friend class SearchIndex;
        std::uint32_t number(const std::string &word);
        Plurals m_plurals;
        std::vector<std::string> m_ids, m_words;
        std::unordered_map<std::string, std::uint32_t> m_idNumbers, m_wordNumbers;
        std::array<std::vector<std::uint32_t>, kSearchFields> m_text;
        std::array<std::vector<std::uint64_t>, kSearchFields> m_starts;
    };

    /// InvalidInput with the byte for anything that encode() did not write.
    [[nodiscard]] static Result<SearchIndex> decode(std::span<const std::uint8_t> data,
                                                    const std::string &file);
    [[nodiscard]] Bytes encode() const;

    [[nodiscard]] std::size_t products() const { return m_ids.size(); }
    [[nodiscard]] std::size_t words() const { return m_words.size(); }
    [[nodiscard]] const std::vector<std::string> &ids() const { return m_ids; }
    [[nodiscard]] const std::string &word(std::uint32_t number) const { return m_words[number]; }
    [[nodiscard]] Plurals plurals() const { return m_plurals; }
    /// The number of a product by its outside id, of a word by its text.
    [[nodiscard]] std::optional<std::uint32_t> product(std::string_view id) const;
    [[nodiscard]] std::optional<std::uint32_t> find(std::string_view word) const;

    /// The words of one field of one product, in order.
    [[nodiscard]] std::span<const std::uint32_t> text(std::size_t product, SearchField field) const;
    /// Products with the word in the field, by rising number.
    [[nodiscard]] std::span<const Posting> postings(std::uint32_t word, SearchField field) const;
    [[nodiscard]] std::uint32_t length(std::size_t product, SearchField field) const
    {
        return static_cast<std::uint32_t>(text(product, field).size());
    }
    /// Mean length of the field over all products, 0 when nobody has it.
    [[nodiscard]] double meanLength(SearchField field) const;
    /// How often the word stands in all fields together; never rises with the word's number.
    [[nodiscard]] std::uint64_t total(std::uint32_t word) const { return m_totals[word]; }

private:
    struct Forward
    {
        std::vector<std::uint32_t> text;
        std::vector<std::uint64_t> starts{0}; ///< products + 1
        std::vector<Posting> postings;
        std::vector<std::uint64_t> postingStarts; ///< words + 1
    };
    SearchIndex() = default;
    void invert();
    /// False when a word or an id stands twice.
    bool sortNames();

    Plurals m_plurals = Plurals::English;
    std::vector<std::string> m_ids, m_words;
    std::vector<std::uint32_t> m_idOrder, m_wordOrder; ///< numbers in the order of their text
    std::vector<std::uint64_t> m_totals;
    std::array<Forward, kSearchFields> m_fields;
};

} // namespace engine
