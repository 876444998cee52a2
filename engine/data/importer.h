#pragma once
// Reads files of other systems into a Dataset: streaming, in bounded memory per line, and counting
// by reason every line that is not used. The rules stand in engine/data/README.md.

#include "engine/base/error.h"
#include "engine/data/dataset.h"

#include <filesystem>
#include <functional>
#include <map>

namespace engine {

enum class ImportFormat {
    Csv,   ///< header, then rows; needs the columns of user and item
    Pairs, ///< "user item [time]", one event a line
    Lists  ///< "user item item ...", oldest first
};

/// csv, pairs, lists.
[[nodiscard]] Result<ImportFormat> importFormat(std::string_view name);

/// The longest line of `lists`: all that a shopper did, so far more than a row of a table.
inline constexpr std::uint64_t kLongestList = std::uint64_t{64} << 20;

/// importFormat(name), or without a name: csv for .csv, .tsv and a first line with commas; pairs
/// when each of the first 200 lines has two words, or each three; else lists.
[[nodiscard]] Result<ImportFormat> toldFormat(const std::filesystem::path &path,
                                              std::string_view name);

/// Role -> name of the column, from "user=CustomerID,item=StockCode". Roles that are known but not
/// used for events (query, grade ...) are refused by importFile, unknown ones here.
using Columns = std::map<std::string, std::string>;
[[nodiscard]] Result<Columns> parseColumns(std::string_view text);

struct ImportOptions
{
    ImportFormat format = ImportFormat::Csv;
    Columns columns; ///< csv only; a role that is not named takes the column of the same name
    std::uint64_t longestLine = 1 << 20;                                   ///< bytes
    std::function<void(std::uint64_t done, std::uint64_t total)> progress; ///< bytes of the file
};

/// InvalidInput with file:line:column for what breaks the format; single lines that are merely
/// useless are dropped and counted in Dataset::dropped.
[[nodiscard]] Result<Dataset> importFile(const std::filesystem::path &path,
                                         const ImportOptions &options);

/// "8,905 lines dropped: 7,675 cancelled or returned, ..." for people; empty when none was.
[[nodiscard]] std::string droppedText(const Dataset &data);

} // namespace engine
