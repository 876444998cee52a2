#pragma once
// How rows of text become numbers for a click model: columns, their kinds, vocabularies and bucket
// edges, learned from the training file alone and kept in the package as "features.bin". Values;
// any thread.

#include "engine/base/bytes.h"
#include "engine/base/error.h"

namespace engine {

/// One column of a table. It may be a category, a number, or both (whole numbers).
struct FeatureColumn
{
    std::string name;
    bool isCategory = false, isNumber = false;
    /// Category. Code 0: unseen or rare, 1: missing, 2 + i: values[i] (most frequent first), then
    /// the hash buckets of what is in no vocabulary, if there are any.
    std::vector<std::string> values;
    std::uint32_t hashBuckets = 0;
    /// Number. Bucket b holds edges[b - 1] <= x < edges[b]; mean and deviation are those of
    /// sign(x) log(1 + |x|).
    std::vector<double> edges;
    double mean = 0, deviation = 1;
    bool hasMissing = false; ///< some value was missing in training

    [[nodiscard]] std::uint32_t codes() const
    {
        return static_cast<std::uint32_t>(values.size()) + 2 + hashBuckets;
    }
    template <class A>
    void fields(A &a)
    {
        a(name), a(isCategory), a(isNumber), a(values), a(hashBuckets), a(edges), a(mean);
        a(deviation), a(hasMissing);
    }
};

struct FeatureSchema
{
    static constexpr std::uint32_t kFormat = 1;
    std::uint32_t format = kFormat;
    bool isSparse = false; ///< rows are "index:value ..."; columns are then named by their index
    std::string label;     ///< column of the label, if the file has it
    std::vector<FeatureColumn> columns;
    /// Sparse rows of many indices: code 0: unseen, 1 + i: indices[i] (rising), then hash buckets.
    std::vector<std::uint64_t> indices;
    std::uint32_t hashBuckets = 0;

    [[nodiscard]] bool hasBag() const { return !indices.empty() || hashBuckets > 0; }
    [[nodiscard]] std::uint32_t bagCodes() const
    {
        return hasBag() ? static_cast<std::uint32_t>(indices.size()) + 1 + hashBuckets : 0;
    }
    template <class A>
    void fields(A &a)
    {
        a(format), a(isSparse), a(label), a(columns), a(indices), a(hashBuckets);
    }
};

/// The bytes of features.bin as a schema that every later step may trust. InvalidInput says which
/// rule they break.
[[nodiscard]] Result<FeatureSchema> parseFeatureSchema(std::span<const std::uint8_t> bytes);

} // namespace engine
