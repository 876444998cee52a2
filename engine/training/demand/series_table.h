#pragma once
// Reads a table of series (csv, one row per series and period) into dense arrays, and learns from a
// training file what its columns are. The rules stand in this folder's README. One thread per call.

#include "engine/data/csv_reader.h"
#include "engine/data/importer.h"
#include "engine/scoring/demand_schema.h"

#include <map>
#include <optional>

namespace engine {

struct TableRules
{
    std::string missing = "auto";    ///< auto, zero, unknown: a period without a row or a value
    std::string duplicates = "auto"; ///< auto, last, sum: several rows of a series and period
    int season = -1;                 ///< below 0: what the calendar says
};

/// One series, dense from its first period on.
struct DemandSeries
{
    std::string id;
    std::vector<float> keys;    ///< numbers of its key parts; NaN: not in the schema
    std::int64_t first = 0;     ///< period of values[0]
    std::vector<float> values;  ///< history, NaN: not known; the plan's periods are not among them
    std::vector<float> columns; ///< [values + plan][schema columns]
    std::size_t plan = 0;       ///< periods behind the history that have a row
    std::vector<std::uint8_t> asked; ///< [plan]: 1 where the file has a row
    std::vector<float> actual;       ///< [plan]: what was sold, in a test file; NaN: empty
};

struct DemandTable
{
    std::vector<DemandSeries> series;           ///< in the order of the file
    std::uint64_t rows = 0, valued = 0;         ///< all, and those with a value
    std::map<std::string, std::uint64_t> notes; ///< what was not used as it stands, by reason
};

/// How a table is to be read.
struct TableFile
{
    std::filesystem::path path;
    Columns columns;
};

/// Learns axis, keys, columns and categories; season, missing, whole numbers and zeros too.
/// InvalidInput for a missing column, a value that is no number, a time that is none.
[[nodiscard]] Result<DemandSchema> learnSchema(const TableFile &file, const TableRules &rules);

/// Reads a file by a schema; columns that the file lacks become NaN and are counted. Histories end
/// at `end`, or at the last period of the file with a value; memory grows with series x (window +
/// plan), not with rows.
[[nodiscard]] Result<DemandTable> readTable(const TableFile &file, const DemandSchema &schema,
                                            const TableRules &rules, bool wholeHistory,
                                            std::optional<std::int64_t> end = std::nullopt);

} // namespace engine
