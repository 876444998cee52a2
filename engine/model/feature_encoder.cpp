#include "engine/model/feature_encoder.h"

#include "engine/base/exact_math.h"
#include "engine/data/field.h"
#include "engine/data/labelled_rows.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

namespace engine {
namespace {

std::size_t bucketsOf(const FeatureColumn &column)
{
    return std::min(column.edges.size() + 1, FeatureEncoder::kBuckets);
}

} // namespace

FeatureEncoder::FeatureEncoder(FeatureSchema schema) : m_schema(std::move(schema))
{
    for (std::size_t c = 0; c < m_schema.columns.size(); ++c) {
        const auto &column = m_schema.columns[c];
        if (m_schema.isSparse) {
            std::uint64_t index = 0;
            std::from_chars(column.name.data(), column.name.data() + column.name.size(), index);
            m_columnOf.emplace(index, static_cast<std::uint32_t>(c));
        } else {
            m_columns.push_back(column.name);
        }
        if (column.isCategory)
            m_categories.push_back(c);
        if (column.isNumber)
            m_numbers.push_back(c);
    }
    if (m_schema.isSparse)
        m_columns = {"features"};
    m_firstCode.push_back(0);
    for (const auto c : m_categories) {
        const auto &column = m_schema.columns[c];
        auto &codes = m_codeOf.emplace_back();
        codes.reserve(column.values.size());
        for (std::size_t i = 0; i < column.values.size(); ++i)
            codes.emplace(column.values[i], static_cast<std::uint32_t>(2 + i));
        m_firstCode.push_back(m_firstCode.back() + column.codes());
    }
    for (const auto c : m_numbers) {
        const auto &column = m_schema.columns[c];
        m_denseAt.push_back(m_dense);
        m_dense += column.hasMissing ? 3 : 2;
        m_firstCode.push_back(m_firstCode.back()
                              + static_cast<std::uint32_t>(bucketsOf(column) + 1));
    }
    m_bagCodeOf.reserve(m_schema.indices.size());
    for (std::size_t i = 0; i < m_schema.indices.size(); ++i)
        m_bagCodeOf.emplace(m_schema.indices[i], static_cast<std::uint32_t>(1 + i));
}

std::uint32_t FeatureEncoder::codeOf(std::size_t category, std::string_view text,
                                     EncodedRow &row) const
{
    text = trimmed(text);
    const auto &codes = m_codeOf[category];
    const auto at = codes.find(text);
    if (at != codes.end())
        return at->second;
    if (isMissing(text))
        return 1;
    ++row.unseen;
    const auto &column = m_schema.columns[m_categories[category]];
    if (column.hashBuckets == 0)
        return 0;
    return static_cast<std::uint32_t>(2 + column.values.size()
                                      + textHash(text) % column.hashBuckets);
}

void FeatureEncoder::putNumber(std::size_t number, double value, EncodedRow &row) const
{
    const auto &column = m_schema.columns[m_numbers[number]];
    const auto field = m_categories.size() + number;
    float *dense = row.dense.data() + m_denseAt[number];
    const bool isKnown = std::isfinite(value);
    row.numbers[number] =
        isKnown ? static_cast<float>(value) : std::numeric_limits<float>::quiet_NaN();
    if (column.hasMissing)
        dense[2] = isKnown ? 0.0f : 1.0f;
    if (!isKnown) {
        dense[0] = dense[1] = 0;
        row.codes[field] = m_firstCode[field];
        return;
    }
    const auto fine = static_cast<std::size_t>(
        std::upper_bound(column.edges.begin(), column.edges.end(), value) - column.edges.begin());
    const auto all = column.edges.size() + 1;
    dense[0] = static_cast<float>((2.0 * static_cast<double>(fine) + 1.0) / static_cast<double>(all)
                                  - 1.0);
    const double size = exact::log(1.0 + std::fabs(value));
    const double scaled = ((value < 0 ? -size : size) - column.mean) / column.deviation;
    dense[1] = static_cast<float>(std::clamp(scaled, -6.0, 6.0));
    row.codes[field] =
        m_firstCode[field] + 1 + static_cast<std::uint32_t>(fine * bucketsOf(column) / all);
}

Result<> FeatureEncoder::encodeSparse(std::string_view text, EncodedRow &row) const
{
    std::vector<SparseValue> values;
    DR_RETURN_IF_ERROR(parseSparse(text, values));
    // What a sparse row does not name is 0, not missing.
    for (std::size_t i = 0; i < m_numbers.size(); ++i)
        putNumber(i, 0.0, row);
    for (const auto &[index, value] : values) {
        if (const auto column = m_columnOf.find(index); column != m_columnOf.end()) {
            putNumber(column->second, value, row);
        } else if (const auto code = m_bagCodeOf.find(index); code != m_bagCodeOf.end()) {
            row.bagCodes.push_back(m_firstCode.back() + code->second);
            row.bagValues.push_back(static_cast<float>(value));
        } else {
            ++row.unseen;
            if (m_schema.hashBuckets > 0) {
                const auto bucket = index * 0x9E3779B97F4A7C15u % m_schema.hashBuckets;
                row.bagCodes.push_back(
                    m_firstCode.back() + 1
                    + static_cast<std::uint32_t>(m_schema.indices.size() + bucket));
                row.bagValues.push_back(static_cast<float>(value));
            }
        }
    }
    return {};
}

Result<> FeatureEncoder::encode(std::span<const std::string> texts, EncodedRow &row) const
{
    row.numbers.resize(m_numbers.size());
    row.dense.resize(m_dense);
    row.codes.resize(fields());
    row.bagCodes.clear();
    row.bagValues.clear();
    row.unseen = 0;
    if (m_schema.isSparse)
        return encodeSparse(texts.front(), row);
    for (std::size_t i = 0; i < m_categories.size(); ++i)
        row.codes[i] = m_firstCode[i] + codeOf(i, texts[m_categories[i]], row);
    for (std::size_t i = 0; i < m_numbers.size(); ++i) {
        const auto text = trimmed(texts[m_numbers[i]]);
        const auto value = numberOf(text);
        if (!value && !isMissing(text))
            ++row.unseen;
        putNumber(i, value.value_or(std::numeric_limits<double>::quiet_NaN()), row);
    }
    return {};
}

} // namespace engine
