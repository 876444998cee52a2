#pragma once
// A training file in memory, encoded: what the trees and the net read. The schema is learned in a
// first pass over the file, the rows are encoded in a second. One thread.

#include "engine/data/labelled_rows.h"
#include "engine/model/feature_encoder.h"
#include "engine/training/ctr/click_columns.h"
#include "engine/training/ctr/column_profile.h"
#include "engine/training/family.h"

namespace engine {

/// Row-major blocks; row r has numbers[r * numbersPerRow ..] and so on.
struct ClickRows
{
    std::size_t numbersPerRow = 0, densePerRow = 0, fields = 0;
    std::vector<float> numbers, dense;
    std::vector<std::uint32_t> codes;
    std::vector<std::uint64_t> bagStart{0}; ///< of row r: bagStart[r] .. bagStart[r + 1]
    std::vector<std::uint32_t> bagCodes;
    std::vector<float> bagValues;
    std::vector<std::uint8_t> labels;
    std::vector<std::uint64_t> groups; ///< equal for rows that must not be torn apart
    std::uint64_t unseen = 0;          ///< values without a code
    std::uint64_t unlabelled = 0;      ///< rows left out: no label
    std::uint64_t repeatedHeaders = 0;

    [[nodiscard]] std::size_t rows() const { return labels.size(); }
    [[nodiscard]] std::size_t clicks() const;
};

/// The rules may depend on the number of rows.
struct SchemaRules
{
    std::int64_t leastCount = 0; ///< 0: 2 below 50,000 rows, else 5
    std::uint32_t vocabulary = 200'000;
    std::uint32_t hashBuckets = 0;
};

/// Reads the file once. Notes say which columns are dropped and why.
[[nodiscard]] Result<FeatureSchema> learnSchema(const InputFile &file, const SchemaRules &rules,
                                                TrainMonitor &monitor);

/// Encodes the labelled rows of a file; InvalidInput for a label that is none (with its line) or a
/// column that the schema needs and the file lacks.
[[nodiscard]] Result<ClickRows> readRows(const InputFile &file, const FeatureEncoder &encoder,
                                         TrainMonitor &monitor);

/// Where the columns of a model lie in a file: position by encoder column.
struct ColumnMap
{
    std::vector<std::size_t> at;
    std::optional<std::size_t> label, group;
    std::size_t extra = 0; ///< columns of the file that the model does not read
};
[[nodiscard]] Result<ColumnMap> mapColumns(const LabelledRows &rows, const Columns &roles,
                                           const FeatureEncoder &encoder);

} // namespace engine
