#pragma once
// Turns rows of text into what a click model reads, by a schema. Training and scoring share it, so
// a row means the same bits in both. Immutable after construction; any thread.

#include "engine/model/feature_schema.h"

#include <unordered_map>

namespace engine {

/// One row. Codes are numbers of rows of one shared embedding table.
struct EncodedRow
{
    std::vector<float> numbers;          ///< [numbers] as written; NaN: missing
    std::vector<float> dense;            ///< [dense] scaled inputs of the net
    std::vector<std::uint32_t> codes;    ///< [fields] category columns, then buckets of the numbers
    std::vector<std::uint32_t> bagCodes; ///< sparse rows: any number of them
    std::vector<float> bagValues;
    std::uint64_t unseen = 0; ///< values that no vocabulary holds
};

class FeatureEncoder
{
public:
    explicit FeatureEncoder(FeatureSchema schema);
    FeatureEncoder(FeatureEncoder &&) = default;
    FeatureEncoder &operator=(FeatureEncoder &&) = default;
    FeatureEncoder(const FeatureEncoder &) = delete; ///< the maps look into the schema's texts
    FeatureEncoder &operator=(const FeatureEncoder &) = delete;

    [[nodiscard]] const FeatureSchema &schema() const { return m_schema; }
    /// What a row consists of: the schema's column names, or "features".
    [[nodiscard]] const std::vector<std::string> &columns() const { return m_columns; }
    [[nodiscard]] std::size_t numbers() const { return m_numbers.size(); }
    [[nodiscard]] std::size_t dense() const { return m_dense; }
    [[nodiscard]] std::size_t fields() const { return m_firstCode.size() - 1; }
    [[nodiscard]] std::size_t categories() const { return m_categories.size(); }
    /// Codes of field f are firstCode(f) .. firstCode(f + 1) - 1; firstCode(fields()) starts the
    /// bag.
    [[nodiscard]] std::uint32_t firstCode(std::size_t field) const { return m_firstCode[field]; }
    [[nodiscard]] std::uint32_t codes() const { return m_firstCode.back() + m_schema.bagCodes(); }

    /// `texts` has one text per column(). InvalidInput: a sparse row that is none.
    [[nodiscard]] Result<> encode(std::span<const std::string> texts, EncodedRow &row) const;

    static constexpr std::size_t kBuckets = 64; ///< of a number's embedding, at most

private:
    [[nodiscard]] std::uint32_t codeOf(std::size_t category, std::string_view text,
                                       EncodedRow &row) const;
    void putNumber(std::size_t number, double value, EncodedRow &row) const;
    [[nodiscard]] Result<> encodeSparse(std::string_view text, EncodedRow &row) const;

    FeatureSchema m_schema;
    std::vector<std::string> m_columns;
    std::vector<std::size_t> m_categories, m_numbers; ///< columns of the schema
    std::vector<std::unordered_map<std::string_view, std::uint32_t>> m_codeOf; ///< by category
    std::unordered_map<std::uint64_t, std::uint32_t> m_columnOf, m_bagCodeOf;  ///< by index
    std::vector<std::uint32_t> m_firstCode;
    std::vector<std::size_t> m_denseAt; ///< by number
    std::size_t m_dense = 0;
};

/// FNV-1a of a text, for hash buckets and groups: the same on every machine.
[[nodiscard]] inline std::uint64_t textHash(std::string_view text,
                                            std::uint64_t start = 0xcbf29ce484222325u)
{
    for (const char c : text)
        start = (start ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
    return start;
}

} // namespace engine
