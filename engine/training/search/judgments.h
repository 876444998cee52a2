#pragma once
// Which product is how good for which query: graded judgments, or clicks on result pages. CSV with
// a header; columns by role, or guessed from their names. One thread.

#include "engine/data/importer.h"
#include "engine/training/train_monitor.h"

#include <cstdint>

namespace engine {

struct JudgedQuery
{
    std::string text;
    std::vector<std::pair<std::string, float>> grades; ///< outside product id -> grade, from 0
};

/// Impressions of result pages; queries and documents by number.
struct Impressions
{
    std::vector<std::string> queries, documents;
    struct Row
    {
        std::uint32_t query, document;
        std::uint16_t rank; ///< from 1
        bool isClicked;
    };
    std::vector<Row> rows;
};

enum class SearchFile { Judgments, Sessions, Products };
/// What a CSV holds: sessions have query, item and clicked; judgments have query, item and grade;
/// products have no query. InvalidInput names the missing column.
[[nodiscard]] Result<SearchFile> searchFileKind(const std::filesystem::path &path,
                                                const Columns &columns);

/// Queries in the order of their first row; a pair that stands twice counts with its mean grade and
/// is told. InvalidInput with the line for a grade that is NaN, negative or above 30.
[[nodiscard]] Result<std::vector<JudgedQuery>>
readJudgments(const std::filesystem::path &path, const Columns &columns, TrainMonitor &monitor);
[[nodiscard]] Result<Impressions> readImpressions(const std::filesystem::path &path,
                                                  const Columns &columns, TrainMonitor &monitor);

/// Columns of impressions in a header: query, item, rank, clicked.
struct ImpressionColumns
{
    std::size_t query, item, rank, clicked; ///< clicked: npos when there is none
};
[[nodiscard]] Result<ImpressionColumns> impressionColumns(const std::vector<std::string> &header,
                                                          const Columns &columns,
                                                          const std::string &place);

} // namespace engine
