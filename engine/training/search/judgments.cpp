#include "engine/training/search/judgments.h"

#include "engine/data/csv_reader.h"
#include "engine/data/field.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

namespace engine {
namespace {

constexpr std::uint64_t kLongestRow = 1 << 23, kRowsPerProgress = 1 << 16;
constexpr double kHighestGrade = 30;
constexpr auto kNone = static_cast<std::size_t>(-1);

/// Where a role stands: the column told, else the first guess that is there.
Result<std::size_t> place(const std::vector<std::string> &header, const Columns &columns,
                          const std::string &role, std::initializer_list<const char *> guesses,
                          const std::string &file, bool isNeeded)
{
    if (const auto told = columns.find(role); told != columns.end()) {
        const auto at = std::find(header.begin(), header.end(), told->second);
        if (at == header.end())
            return fail(ErrorCode::InvalidInput,
                        "There is no column '" + told->second + "' for " + role, file + ":1");
        return static_cast<std::size_t>(at - header.begin());
    }
    for (const auto *guess : guesses) {
        const auto at = std::find(header.begin(), header.end(), guess);
        if (at != header.end())
            return static_cast<std::size_t>(at - header.begin());
    }
    if (!isNeeded)
        return kNone;
    return fail(ErrorCode::InvalidInput,
                "There is no column for " + role + "; name it, for instance --columns " + role + "="
                    + header.front(),
                file + ":1");
}

Result<> checkHeader(const std::vector<std::string> &header, const std::string &file)
{
    auto sorted = header;
    std::sort(sorted.begin(), sorted.end());
    const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
    if (twice == sorted.end())
        return {};
    return fail(ErrorCode::InvalidInput, "The column '" + *twice + "' stands twice in the header",
                file + ":1");
}

Result<std::size_t> queryPlace(const std::vector<std::string> &header, const Columns &columns,
                               const std::string &file, bool isNeeded = true)
{
    return place(header, columns, "query", {"query", "q", "search", "keyword"}, file, isNeeded);
}

Result<std::size_t> itemPlace(const std::vector<std::string> &header, const Columns &columns,
                              const std::string &file)
{
    return place(header, columns, "item",
                 {"item", "product_id", "doc", "product", "item_id", "upc", "id"}, file, true);
}

Result<std::size_t> clickedPlace(const std::vector<std::string> &header, const Columns &columns,
                                 const std::string &file)
{
    return place(header, columns, "label", {"clicked", "click", "is_clicked", "label"}, file,
                 false);
}

Result<std::size_t> gradePlace(const std::vector<std::string> &header, const Columns &columns,
                               const std::string &file, bool isNeeded)
{
    return place(header, columns, "grade", {"grade", "rating", "relevance"}, file, isNeeded);
}

Result<> tell(TrainMonitor &monitor, std::uint64_t row, const char *what)
{
    if (row % kRowsPerProgress != 0)
        return {};
    monitor.progress(what, -1);
    if (monitor.stop().stop_requested())
        return fail(ErrorCode::Halted, std::string("Stopped while ") + what);
    return {};
}

class Numbers
{
public:
    std::uint32_t of(const std::string &text, std::vector<std::string> &names)
    {
        const auto [at, isNew] =
            m_numbers.try_emplace(text, static_cast<std::uint32_t>(names.size()));
        if (isNew)
            names.push_back(text);
        return at->second;
    }

private:
    std::unordered_map<std::string, std::uint32_t> m_numbers;
};

} // namespace

Result<SearchFile> searchFileKind(const std::filesystem::path &path, const Columns &columns)
{
    auto reader = CsvReader::open(path, kLongestRow);
    if (!reader)
        return tl::unexpected(reader.error());
    const auto file = path.string();
    const auto query = queryPlace(reader->header(), columns, file, false);
    if (!query)
        return tl::unexpected(query.error());
    if (*query == kNone)
        return SearchFile::Products;
    const auto grade = gradePlace(reader->header(), columns, file, false);
    if (!grade)
        return tl::unexpected(grade.error());
    if (*grade != kNone)
        return SearchFile::Judgments;
    const auto clicked = clickedPlace(reader->header(), columns, file);
    if (!clicked)
        return tl::unexpected(clicked.error());
    if (*clicked != kNone)
        return SearchFile::Sessions;
    return fail(ErrorCode::InvalidInput,
                "There is no column for grade (or for clicked); name it, for instance --columns "
                "grade=rating",
                file + ":1");
}

Result<std::vector<JudgedQuery>> readJudgments(const std::filesystem::path &path,
                                               const Columns &columns, TrainMonitor &monitor)
{
    auto reader = CsvReader::open(path, kLongestRow);
    if (!reader)
        return tl::unexpected(reader.error());
    const auto &header = reader->header();
    const auto file = path.string();
    DR_RETURN_IF_ERROR(checkHeader(header, file));
    const auto query = queryPlace(header, columns, file);
    const auto item = itemPlace(header, columns, file);
    const auto grade = gradePlace(header, columns, file, true);
    for (const auto *found : {&query, &item, &grade}) {
        if (!*found)
            return tl::unexpected(found->error());
    }
    std::vector<JudgedQuery> out;
    struct Sum
    {
        std::size_t at;
        int count;
    };
    std::unordered_map<std::string, std::size_t> queries;
    std::unordered_map<std::string, Sum> pairs;
    std::uint64_t repeated = 0, dropped = 0;
    std::vector<std::string> row;
    for (std::uint64_t number = 1;; ++number) {
        const auto line = reader->source().line();
        const auto more = reader->next(row);
        if (!more)
            return tl::unexpected(more.error());
        if (!*more)
            break;
        DR_RETURN_IF_ERROR(tell(monitor, number, "reading judgments"));
        if (row.size() != header.size()) {
            ++dropped;
            continue;
        }
        const auto value = numberOf(trimmed(row[*grade]));
        if (!value || *value < 0 || *value > kHighestGrade)
            return fail(ErrorCode::InvalidInput,
                        "A grade is a number from 0 to 30, not '" + row[*grade].substr(0, 40) + "'",
                        file + ":" + std::to_string(line));
        const auto text = cleanText(row[*query]);
        const auto product = cleanText(identifier(row[*item]));
        if (text.empty() || product.empty()) {
            ++dropped;
            continue;
        }
        const auto [at, isNew] = queries.try_emplace(text, out.size());
        if (isNew)
            out.push_back({text, {}});
        auto &grades = out[at->second].grades;
        const auto [pair, isFirst] =
            pairs.try_emplace(text + '\n' + product, Sum{grades.size(), 1});
        if (isFirst) {
            grades.emplace_back(product, static_cast<float>(*value));
        } else {
            auto &kept = grades[pair->second.at].second;
            ++pair->second.count;
            kept += (static_cast<float>(*value) - kept) / static_cast<float>(pair->second.count);
            ++repeated;
        }
    }
    if (out.empty())
        return fail(ErrorCode::InvalidInput, "There are no judgments in this file", file);
    if (repeated > 0)
        monitor.note(std::to_string(repeated)
                     + " judgments of a pair that was judged before: the mean grade counts");
    if (dropped > 0)
        monitor.note(std::to_string(dropped)
                     + " rows without query, product or the right number "
                       "of fields were dropped");
    return out;
}

Result<ImpressionColumns> impressionColumns(const std::vector<std::string> &header,
                                            const Columns &columns, const std::string &file)
{
    DR_RETURN_IF_ERROR(checkHeader(header, file));
    const auto query = queryPlace(header, columns, file);
    const auto item = itemPlace(header, columns, file);
    const auto rank = place(header, columns, "num", {"rank", "position", "pos"}, file, true);
    const auto clicked = clickedPlace(header, columns, file);
    for (const auto *found : {&query, &item, &rank, &clicked}) {
        if (!*found)
            return tl::unexpected(found->error());
    }
    return ImpressionColumns{*query, *item, *rank, *clicked};
}

Result<Impressions> readImpressions(const std::filesystem::path &path, const Columns &columns,
                                    TrainMonitor &monitor)
{
    auto reader = CsvReader::open(path, kLongestRow);
    if (!reader)
        return tl::unexpected(reader.error());
    const auto file = path.string();
    const auto at = impressionColumns(reader->header(), columns, file);
    if (!at)
        return tl::unexpected(at.error());
    if (at->clicked == kNone)
        return fail(ErrorCode::InvalidInput, "There is no column that tells clicks", file + ":1");
    Impressions out;
    Numbers queries, documents;
    std::vector<std::string> row;
    std::uint64_t dropped = 0;
    for (std::uint64_t number = 1;; ++number) {
        const auto line = reader->source().line();
        const auto more = reader->next(row);
        if (!more)
            return tl::unexpected(more.error());
        if (!*more)
            break;
        DR_RETURN_IF_ERROR(tell(monitor, number, "reading sessions"));
        if (row.size() != reader->header().size()) {
            ++dropped;
            continue;
        }
        const auto rank = numberOf(trimmed(row[at->rank]));
        const auto clicked = numberOf(trimmed(row[at->clicked]));
        if (!rank || *rank < 1 || *rank > 65535 || *rank != std::floor(*rank) || !clicked
            || (*clicked != 0 && *clicked != 1))
            return fail(ErrorCode::InvalidInput,
                        "A rank is a whole number from 1, a click 0 or 1; this row has '"
                            + row[at->rank].substr(0, 20) + "' and '"
                            + row[at->clicked].substr(0, 20) + "'",
                        file + ":" + std::to_string(line));
        out.rows.push_back({queries.of(cleanText(row[at->query]), out.queries),
                            documents.of(cleanText(identifier(row[at->item])), out.documents),
                            static_cast<std::uint16_t>(*rank), *clicked == 1});
    }
    if (out.rows.empty())
        return fail(ErrorCode::InvalidInput, "There are no impressions in this file", file);
    if (dropped > 0)
        monitor.note(std::to_string(dropped) + " rows with a wrong number of fields were dropped");
    return out;
}

} // namespace engine
