#include "engine/data/csv_reader.h"

#include <algorithm>

namespace engine {

Result<CsvReader> CsvReader::open(const std::filesystem::path &path, std::uint64_t longestRow)
{
    auto source = TextSource::open(path);
    if (!source)
        return tl::unexpected(source.error());
    CsvReader reader(std::move(*source), longestRow);
    // The header is read as one cell and looked at for the separator, unless it has quotes and so
    // is plain CSV from its first byte.
    if (reader.m_source.peek() != '"') {
        reader.m_separator = '\n';
        std::vector<std::string> line;
        if (auto read = reader.readRow(line); !read)
            return tl::unexpected(read.error());
        const auto text = line.empty() ? std::string() : line.front();
        const auto count = [&text](char c) { return std::count(text.begin(), text.end(), c); };
        reader.m_separator = ',';
        for (const char c : {';', '\t'}) {
            if (count(c) > count(reader.m_separator))
                reader.m_separator = c;
        }
        std::string field;
        bool quoted = false;
        for (const char c : text) {
            if (c == '"')
                quoted = !quoted;
            else if (c == reader.m_separator && !quoted)
                reader.m_header.push_back(std::exchange(field, {}));
            else
                field += c;
        }
        if (quoted)
            return reader.m_source.broken("A quote in the header is not closed", 1, 1);
        reader.m_header.push_back(std::move(field));
    } else if (auto read = reader.readRow(reader.m_header); !read) {
        return tl::unexpected(read.error());
    }
    for (auto &name : reader.m_header) {
        const auto from = name.find_first_not_of(" \t");
        const auto to = name.find_last_not_of(" \t");
        name = from == std::string::npos ? std::string() : name.substr(from, to - from + 1);
    }
    if (reader.m_header.size() == 1 && reader.m_header.front().empty())
        return reader.m_source.broken("The first line is empty; a CSV starts with its column names",
                                      1, 1);
    return reader;
}

Result<> CsvReader::checkLength(std::uint64_t used) const
{
    if (used <= m_longestRow)
        return {};
    return m_source.broken("The row that starts here is longer than " + std::to_string(m_longestRow)
                               + " bytes; is this a CSV with one row per line?",
                           m_rowLine, 1);
}

Result<> CsvReader::readQuoted(std::string &field)
{
    const auto line = m_source.line(), column = m_source.column() - 1;
    for (;;) {
        const int byte = m_source.next();
        if (byte == TextSource::kFault)
            return tl::unexpected(m_source.error());
        if (byte == TextSource::kEnd || ++m_rowBytes > m_longestRow) {
            return m_source.broken(byte == TextSource::kEnd
                                       ? "The quote that opens here is never closed"
                                       : "The quote that opens here is not closed within "
                                             + std::to_string(m_longestRow) + " bytes",
                                   line, column);
        }
        if (byte != '"') {
            field += static_cast<char>(byte);
        } else if (m_source.peek() == '"') {
            m_source.next();
            ++m_rowBytes;
            field += '"';
        } else {
            break;
        }
    }
    const int after = m_source.peek();
    if (after == TextSource::kFault)
        return tl::unexpected(m_source.error());
    if (after != TextSource::kEnd && after != '\n' && after != m_separator) {
        return m_source.broken(
            "After a closing quote a separator or the end of the line must follow; write a quote "
            "inside a quoted field twice",
            m_source.line(), m_source.column());
    }
    return {};
}

Result<bool> CsvReader::readRow(std::vector<std::string> &row)
{
    m_rowLine = m_source.line();
    m_rowBytes = 0;
    std::size_t fields = 0;
    bool started = false;
    for (;;) {
        // The strings of the last row are used again: no allocation per field.
        if (fields == row.size())
            row.emplace_back();
        auto &field = row[fields++];
        field.clear();
        if (m_separator != '\n' && m_source.peek() == '"') {
            m_source.next();
            ++m_rowBytes;
            started = true;
            DR_RETURN_IF_ERROR(readQuoted(field));
        }
        int byte = m_source.next();
        while (byte >= 0 && byte != '\n' && byte != m_separator) {
            field += static_cast<char>(byte);
            started = true;
            DR_RETURN_IF_ERROR(checkLength(++m_rowBytes));
            byte = m_source.next();
        }
        if (byte == TextSource::kFault)
            return tl::unexpected(m_source.error());
        if (byte == m_separator && byte != '\n') {
            started = true;
            DR_RETURN_IF_ERROR(checkLength(++m_rowBytes));
            continue;
        }
        row.resize(fields);
        return byte == '\n' || started;
    }
}

Result<bool> CsvReader::next(std::vector<std::string> &row)
{
    for (;;) {
        auto more = readRow(row);
        if (!more || !*more)
            return more;
        if (row.size() > 1 || !row.front().empty())
            return true;
        ++m_emptyRows;
    }
}

} // namespace engine
