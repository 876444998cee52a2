#pragma once
// Files of rows with a label to be predicted: csv (header first) and libsvm ("label index:value
// ..."), read row by row in bounded memory. One thread.

#include "engine/data/csv_reader.h"

#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

namespace engine {

/// 1 for "1", "true", "yes", "click" ..., 0 for "0", "-1", "false", "no"; nothing for other texts.
/// Upper and lower case are the same; 1.0 is 1.
[[nodiscard]] std::optional<bool> labelOf(std::string_view text);
/// Empty, NA, N/A, NaN, null, None, \N, ?: a value that is not known.
[[nodiscard]] bool isMissing(std::string_view text);

/// One "index:value" of a sparse row.
struct SparseValue
{
    std::uint64_t index = 0;
    double value = 0;
};
/// Reads "index:value ..." behind the label, without `qid:` and without what follows '#'. The
/// message names the word that breaks the rule.
[[nodiscard]] Result<> parseSparse(std::string_view text, std::vector<SparseValue> &values);

class LabelledRows
{
public:
    /// `format` is csv, libsvm or empty: told from the name (.csv, .tsv; else libsvm when the first
    /// line looks like it).
    [[nodiscard]] static Result<LabelledRows> open(const std::filesystem::path &path,
                                                   std::string_view format);

    /// csv: the header, each name once. libsvm: "label" and "features".
    [[nodiscard]] const std::vector<std::string> &columns() const { return m_columns; }
    [[nodiscard]] bool isSparse() const { return std::holds_alternative<TextSource>(m_source); }
    /// The next row, one text per column; false at the end. A csv row of another width is an error
    /// at its place. Repeated headers are left out and counted. A libsvm row without a label has
    /// the label "".
    [[nodiscard]] Result<bool> next(std::vector<std::string> &row);
    [[nodiscard]] std::uint64_t repeatedHeaders() const { return m_repeated; }
    [[nodiscard]] const TextSource &source() const;
    /// An error at the row that next() gave last.
    [[nodiscard]] tl::unexpected<Error> broken(std::string message) const;

private:
    explicit LabelledRows(CsvReader reader) : m_source(std::move(reader)) {}
    explicit LabelledRows(TextSource source) : m_source(std::move(source)) {}
    [[nodiscard]] Result<bool> nextLine(std::string &line);

    std::variant<CsvReader, TextSource> m_source;
    std::vector<std::string> m_columns;
    std::string m_line;
    std::uint64_t m_repeated = 0, m_rowLine = 1;
};

} // namespace engine
