#pragma once
// Which columns of a file are label, categories and numbers: what the command line says, and what
// the values look like. Values; any thread.

#include "engine/data/importer.h"

#include <set>

namespace engine {

struct ClickColumns
{
    std::string label; ///< empty: the file has none (predict)
    std::string group; ///< role order: rows of one value stay together in validation
    std::set<std::string> categories, numbers; ///< said so; the other features are looked at
    std::vector<std::string> features;         ///< in the order of the header
};

/// Roles: label, cat=a|b, num=c|d; user, item and query are categories, price and value numbers;
/// order, time, title, grade and series are no features. A role that is not named takes the column
/// of its own name (label in any case of its letters); any other column is a feature.
[[nodiscard]] Result<ClickColumns> clickColumns(const std::vector<std::string> &header,
                                                const Columns &roles, const std::string &file);

} // namespace engine
