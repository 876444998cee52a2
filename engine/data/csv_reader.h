#pragma once
// Reads the rows of a CSV file one by one: RFC 4180 quoting, LF or CRLF, comma, semicolon or tab
// (whichever the header holds most of). Quotes inside an unquoted field are kept as they are. One
// thread.

#include "engine/data/text_source.h"

#include <string>

namespace engine {

class CsvReader
{
public:
    /// A row longer than `longestRow` bytes is an error: a quote left open must not swallow the
    /// file. Opening reads the header.
    [[nodiscard]] static Result<CsvReader> open(const std::filesystem::path &path,
                                                std::uint64_t longestRow);

    [[nodiscard]] const std::vector<std::string> &header() const { return m_header; }
    /// The next row that is not empty, of whatever number of fields; false at the end of the file.
    [[nodiscard]] Result<bool> next(std::vector<std::string> &row);
    [[nodiscard]] std::uint64_t emptyRows() const { return m_emptyRows; }
    [[nodiscard]] const TextSource &source() const { return m_source; }

private:
    explicit CsvReader(TextSource source, std::uint64_t longestRow)
        : m_source(std::move(source)), m_longestRow(longestRow)
    {
    }
    Result<bool> readRow(std::vector<std::string> &row);
    Result<> readQuoted(std::string &field);
    Result<> checkLength(std::uint64_t used) const;

    TextSource m_source;
    std::uint64_t m_longestRow;
    std::uint64_t m_rowLine = 1, m_rowBytes = 0, m_emptyRows = 0;
    char m_separator = ',';
    std::vector<std::string> m_header;
};

} // namespace engine
