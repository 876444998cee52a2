#include "engine/data/labelled_rows.h"

#include "engine/data/field.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <set>

namespace engine {
namespace {

constexpr std::uint64_t kLongestRow = 1 << 20;

std::string lowered(std::string_view text)
{
    std::string low(text);
    for (auto &c : low)
        c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    return low;
}

bool isOneOf(std::string_view text, std::initializer_list<std::string_view> words)
{
    return std::find(words.begin(), words.end(), text) != words.end();
}

/// Takes the next word, separated by spaces and tabs; empty at the end.
std::string_view takeWord(std::string_view &text)
{
    const auto from = text.find_first_not_of(" \t");
    if (from == std::string_view::npos) {
        text = {};
        return {};
    }
    const auto to = text.find_first_of(" \t", from);
    const auto word = text.substr(from, to == std::string_view::npos ? to : to - from);
    text = to == std::string_view::npos ? std::string_view{} : text.substr(to);
    return word;
}

bool looksSparse(std::string_view line)
{
    const auto label = takeWord(line), first = takeWord(line);
    return first.find(':') != std::string_view::npos && label.find(',') == std::string_view::npos;
}

} // namespace

std::optional<bool> labelOf(std::string_view text)
{
    text = trimmed(text);
    if (text == "1" || text == "0")
        return text == "1";
    const auto low = lowered(text);
    if (isOneOf(low, {"true", "yes", "y", "t", "+1", "click"}))
        return true;
    if (isOneOf(low, {"false", "no", "n", "f", "-1", "no click"}))
        return false;
    const auto number = numberOf(text);
    if (number && (*number == 0 || *number == 1 || *number == -1))
        return *number == 1;
    return std::nullopt;
}

bool isMissing(std::string_view text)
{
    text = trimmed(text);
    if (text.size() > 4)
        return false;
    const auto low = lowered(text);
    return isOneOf(low, {"", "na", "n/a", "nan", "null", "none", "\\n", "?"});
}

Result<> parseSparse(std::string_view text, std::vector<SparseValue> &values)
{
    values.clear();
    text = text.substr(0, text.find('#'));
    for (auto word = takeWord(text); !word.empty(); word = takeWord(text)) {
        if (word.starts_with("qid:"))
            continue;
        const auto colon = word.find(':');
        SparseValue value;
        const auto index = word.substr(0, colon);
        const auto [stop, error] =
            std::from_chars(index.data(), index.data() + index.size(), value.index);
        const auto number =
            colon == std::string_view::npos ? std::nullopt : numberOf(word.substr(colon + 1));
        if (error != std::errc() || stop != index.data() + index.size() || !number)
            return fail(ErrorCode::InvalidInput,
                        "'" + std::string(word.substr(0, 60))
                            + "' is no index:value (a whole number, a colon, a finite number)");
        value.value = *number;
        values.push_back(value);
    }
    return {};
}

Result<LabelledRows> LabelledRows::open(const std::filesystem::path &path, std::string_view format)
{
    if (format != "" && format != "csv" && format != "libsvm")
        return fail(ErrorCode::Usage,
                    "Rows with a label are read as csv or libsvm, not as " + std::string(format));
    bool isSparse = format == "libsvm";
    const auto ending = path.extension().string();
    if (format.empty() && ending != ".csv" && ending != ".tsv") {
        auto source = TextSource::open(path);
        if (!source)
            return tl::unexpected(source.error());
        LabelledRows probe(std::move(*source));
        auto line = probe.nextLine(probe.m_line);
        if (!line)
            return tl::unexpected(line.error());
        isSparse = looksSparse(probe.m_line);
    }
    if (isSparse) {
        auto source = TextSource::open(path);
        if (!source)
            return tl::unexpected(source.error());
        LabelledRows rows(std::move(*source));
        rows.m_columns = {"label", "features"};
        return rows;
    }
    auto reader = CsvReader::open(path, kLongestRow);
    if (!reader)
        return tl::unexpected(reader.error());
    const auto header = reader->header();
    std::set<std::string> seen;
    for (const auto &name : header) {
        if (!seen.insert(name).second)
            return reader->source().broken("The column '" + name
                                               + "' is there twice; give every column a name of "
                                                 "its own",
                                           1, 1);
    }
    LabelledRows rows(std::move(*reader));
    rows.m_columns = header;
    return rows;
}

const TextSource &LabelledRows::source() const
{
    const auto *csv = std::get_if<CsvReader>(&m_source);
    return csv != nullptr ? csv->source() : std::get<TextSource>(m_source);
}

tl::unexpected<Error> LabelledRows::broken(std::string message) const
{
    return source().broken(std::move(message), m_rowLine, 1);
}

Result<bool> LabelledRows::nextLine(std::string &line)
{
    auto &source = std::get<TextSource>(m_source);
    for (;;) {
        line.clear();
        m_rowLine = source.line();
        int byte = source.next();
        for (; byte >= 0 && byte != '\n'; byte = source.next()) {
            line += static_cast<char>(byte);
            if (line.size() > kLongestRow)
                return broken("The row is longer than " + std::to_string(kLongestRow) + " bytes");
        }
        if (byte == TextSource::kFault)
            return tl::unexpected(source.error());
        const auto text = trimmed(line);
        if (!text.empty() && text.front() != '#')
            return true;
        if (byte == TextSource::kEnd)
            return false;
    }
}

Result<bool> LabelledRows::next(std::vector<std::string> &row)
{
    if (isSparse()) {
        auto more = nextLine(m_line);
        if (!more || !*more)
            return more;
        row.resize(2);
        std::string_view rest(m_line);
        const auto label = takeWord(rest);
        if (label.find(':') != std::string_view::npos) {
            row[0].clear();
            row[1] = m_line;
        } else {
            row[0] = label;
            row[1] = trimmed(rest);
        }
        return true;
    }
    auto &reader = std::get<CsvReader>(m_source);
    for (;;) {
        m_rowLine = reader.source().line();
        auto more = reader.next(row);
        if (!more || !*more)
            return more;
        if (row.size() != m_columns.size())
            return broken("The row has " + std::to_string(row.size()) + " fields; the header has "
                          + std::to_string(m_columns.size()));
        if (row != m_columns)
            return true;
        ++m_repeated;
    }
}

} // namespace engine
