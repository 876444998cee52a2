#pragma once
// Which column of a csv file plays which part in a table of series. Pure.

#include "engine/data/csv_reader.h"
#include "engine/data/importer.h"
#include "engine/scoring/demand_schema.h"

#include <optional>

namespace engine {

struct TableColumns
{
    std::vector<std::size_t> keys;
    std::size_t time = 0;
    std::optional<std::size_t> value;
    struct Other
    {
        std::size_t at = 0;
        std::string name;
        bool isPrice = false;
        bool isNamed = false;    ///< by num=, cat= or price=
        bool isCategory = false; ///< by cat=
        bool isKnown = false;    ///< by known=
    };
    std::vector<Other> others; ///< price first, then named ones, then the rest in file order
    bool tellsKnown = false;   ///< there is a role known=
};

/// Roles of --columns, then the names of `schema` if there is one, then the role's own name.
/// `needsValue` for training. InvalidInput that names the missing column and those there are.
[[nodiscard]] Result<TableColumns> findTableColumns(const CsvReader &csv, const Columns &columns,
                                                    const DemandSchema *schema, bool needsValue);

/// "", nan, na, null, none and the like: nothing is known.
[[nodiscard]] bool isBlank(std::string_view text);

/// "a|b" in its names.
[[nodiscard]] std::vector<std::string> namesOf(const std::string &text);

} // namespace engine
