#include "engine/model/feature_schema.h"

#include <algorithm>
#include <cmath>
#include <set>

namespace engine {
namespace {

constexpr std::uint64_t kMostCodes = 200'000'000;

const char *brokenRule(const FeatureColumn &column)
{
    if (!column.isCategory && !column.isNumber)
        return "is neither category nor number";
    if (column.isCategory) {
        std::set<std::string_view> seen;
        for (const auto &value : column.values) {
            if (!seen.insert(value).second)
                return "holds a value twice";
        }
    } else if (!column.values.empty() || column.hashBuckets != 0) {
        return "is no category but has values";
    }
    if (!column.isNumber && !column.edges.empty())
        return "is no number but has edges";
    for (std::size_t i = 0; i < column.edges.size(); ++i) {
        if (!std::isfinite(column.edges[i]) || (i > 0 && column.edges[i] <= column.edges[i - 1]))
            return "has edges that do not rise";
    }
    if (column.edges.size() > 100'000)
        return "has too many edges";
    if (!std::isfinite(column.mean) || !std::isfinite(column.deviation) || column.deviation <= 0)
        return "has no mean and deviation";
    return nullptr;
}

} // namespace

Result<FeatureSchema> parseFeatureSchema(std::span<const std::uint8_t> bytes)
{
    const auto refuse = [](const std::string &why) {
        return fail(ErrorCode::InvalidInput, "The feature schema is refused: " + why,
                    "features.bin");
    };
    auto schema = decode<FeatureSchema>(bytes);
    if (!schema)
        return refuse("it is cut, too long or damaged");
    if (schema->format != FeatureSchema::kFormat)
        return refuse("it has format " + std::to_string(schema->format)
                      + "; this program reads format " + std::to_string(FeatureSchema::kFormat));
    if (schema->columns.empty() && !schema->hasBag())
        return refuse("it has no features");
    if (schema->hasBag() && !schema->isSparse)
        return refuse("a table has no indices");
    std::set<std::string_view> names;
    std::uint64_t codes = schema->bagCodes();
    for (const auto &column : schema->columns) {
        if (!names.insert(column.name).second)
            return refuse("the column " + column.name + " is there twice");
        if (const auto *rule = brokenRule(column))
            return refuse("the column " + column.name + " " + rule);
        if (schema->isSparse && (column.isCategory || !column.isNumber))
            return refuse("the column " + column.name + " of sparse rows is no number");
        codes += column.codes() + column.edges.size() + 2;
    }
    for (std::size_t i = 1; i < schema->indices.size(); ++i) {
        if (schema->indices[i] <= schema->indices[i - 1])
            return refuse("its indices do not rise");
    }
    if (codes > kMostCodes)
        return refuse("it has " + std::to_string(codes) + " codes");
    return std::move(*schema);
}

} // namespace engine
