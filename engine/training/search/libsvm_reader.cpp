#include "engine/training/search/libsvm_reader.h"

#include "engine/data/field.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace engine {
namespace {

constexpr std::size_t kLongestLine = 1 << 24, kMostIndex = 1'000'000;
constexpr std::uint64_t kMostValues = std::uint64_t{1} << 29; ///< 2 GiB of numbers

std::string_view takeWord(std::string_view &text)
{
    const auto begin = std::min(text.find_first_not_of(" \t\r"), text.size());
    text.remove_prefix(begin);
    const auto end = std::min(text.find_first_of(" \t\r"), text.size());
    const auto word = text.substr(0, end);
    text.remove_prefix(end);
    return word;
}

/// Documents per query from the file beside, if there is one.
Result<std::vector<std::uint64_t>> querySizes(const std::filesystem::path &path)
{
    const std::filesystem::path beside = path.string() + ".query";
    std::vector<std::uint64_t> sizes;
    std::error_code error;
    if (!std::filesystem::exists(beside, error))
        return sizes;
    auto source = TextSource::open(beside);
    if (!source)
        return tl::unexpected(source.error());
    std::string text;
    for (;;) {
        const int byte = source->next();
        if (byte == TextSource::kFault)
            return tl::unexpected(source->error());
        if (byte != '\n' && byte != TextSource::kEnd) {
            if (text.size() < 64)
                text += static_cast<char>(byte);
            continue;
        }
        if (const auto word = trimmed(text); !word.empty()) {
            const auto size = numberOf(word);
            if (!size || *size < 1 || *size != std::floor(*size) || *size > 1e9)
                return source->broken("Each line is the number of documents of one query, from 1; "
                                      "this is '"
                                          + std::string(word) + "'",
                                      sizes.size() + 1, 1);
            sizes.push_back(static_cast<std::uint64_t>(*size));
        }
        text.clear();
        if (byte == TextSource::kEnd)
            return sizes;
    }
}

} // namespace

Result<LibsvmReader> LibsvmReader::open(const std::filesystem::path &path)
{
    auto source = TextSource::open(path);
    if (!source)
        return tl::unexpected(source.error());
    return LibsvmReader(std::move(*source));
}

Result<bool> LibsvmReader::next(LibsvmLine &line)
{
    const auto refuse = [&](const std::string &why) { return m_source.broken(why, m_line, 1); };
    for (;;) {
        m_text.clear();
        int byte = m_source.next();
        ++m_line;
        if (byte == TextSource::kEnd)
            return false;
        while (byte >= 0 && byte != '\n') {
            m_text += static_cast<char>(byte);
            if (m_text.size() > kLongestLine)
                return refuse("This line is longer than 16 MiB");
            byte = m_source.next();
        }
        if (byte == TextSource::kFault)
            return tl::unexpected(m_source.error());
        std::string_view rest(m_text);
        rest = rest.substr(0, rest.find('#'));
        auto word = takeWord(rest);
        if (word.empty())
            continue;
        const auto grade = numberOf(word);
        if (!grade || *grade < 0 || *grade > 30)
            return refuse("A line starts with its grade, a number from 0 to 30, not '"
                          + std::string(word.substr(0, 40)) + "'");
        line.grade = *grade;
        line.query = -1;
        line.values.clear();
        for (word = takeWord(rest); !word.empty(); word = takeWord(rest)) {
            const auto colon = word.find(':');
            const double index = colon == std::string_view::npos || colon == 0
                                     ? -1
                                     : numberOf(word.substr(0, colon)).value_or(-1);
            constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
            const double value = colon == std::string_view::npos
                                     ? kNone
                                     : numberOf(word.substr(colon + 1)).value_or(kNone);
            if (word.starts_with("qid:") && value >= 0 && value < 9e15
                && value == std::floor(value)) {
                line.query = static_cast<std::int64_t>(value);
                continue;
            }
            if (index < 0 || index > static_cast<double>(kMostIndex) || index != std::floor(index)
                || !(std::abs(value) <= 3e38))
                return refuse("A feature is number:value with a number up to 1000000, not '"
                              + std::string(word.substr(0, 40)) + "'");
            const auto number = static_cast<std::uint32_t>(index);
            if (!line.values.try_emplace(number, static_cast<float>(value)).second)
                return refuse("Feature " + std::to_string(number) + " stands twice in this line");
        }
        return true;
    }
}

Result<RankingRows> readLibsvm(const std::filesystem::path &path, std::size_t features,
                               std::uint64_t &unknown)
{
    auto reader = LibsvmReader::open(path);
    if (!reader)
        return tl::unexpected(reader.error());
    const auto sizes = querySizes(path);
    if (!sizes)
        return tl::unexpected(sizes.error());
    struct Cell
    {
        std::uint32_t row, feature;
        float value;
    };
    std::vector<Cell> cells;
    RankingRows rows;
    LibsvmLine line;
    std::int64_t query = -1;
    std::size_t widest = 0;
    for (;;) {
        const auto more = reader->next(line);
        if (!more)
            return tl::unexpected(more.error());
        if (!*more)
            break;
        const auto row = static_cast<std::uint32_t>(rows.grades.size());
        if (sizes->empty()) {
            if (line.query < 0)
                return fail(ErrorCode::InvalidInput,
                            "Nothing says which documents belong to one query: write qid:N behind "
                            "the grade, or put "
                                + path.filename().string() + ".query beside it",
                            path.string() + ":" + std::to_string(reader->line()));
            if (row > 0 && line.query != query)
                rows.starts.push_back(row);
            query = line.query;
        }
        rows.grades.push_back(static_cast<float>(line.grade));
        for (const auto &[number, value] : line.values) {
            if (features > 0 && number >= features) {
                ++unknown;
                continue;
            }
            cells.push_back({row, number, value});
            widest = std::max<std::size_t>(widest, number + 1u);
        }
    }
    if (rows.grades.empty())
        return fail(ErrorCode::InvalidInput, "There are no rows in this file", path.string());
    if (sizes->empty()) {
        rows.starts.push_back(rows.grades.size());
    } else {
        for (const auto size : *sizes)
            rows.starts.push_back(rows.starts.back() + size);
        if (rows.starts.back() != rows.grades.size())
            return fail(ErrorCode::InvalidInput,
                        "The file .query speaks of " + std::to_string(rows.starts.back())
                            + " documents, but there are " + std::to_string(rows.grades.size()),
                        path.string());
    }
    rows.features = features > 0 ? features : std::max<std::size_t>(1, widest);
    if (rows.features * rows.grades.size() > kMostValues)
        return fail(ErrorCode::InvalidInput,
                    "Rows x features are more than this program trains on at once (2 GiB); keep "
                    "fewer rows or features",
                    path.string());
    rows.values.assign(rows.features * rows.grades.size(), 0.0f);
    rows.weights.assign(rows.grades.size(), 1.0f);
    for (const auto &cell : cells)
        rows.values[cell.row * rows.features + cell.feature] = cell.value;
    return rows;
}

} // namespace engine
