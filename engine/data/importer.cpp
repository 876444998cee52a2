#include "engine/data/importer.h"

#include "engine/data/csv_reader.h"
#include "engine/data/event_table.h"
#include "engine/data/field.h"
#include "engine/data/word_lines.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>

namespace engine {
namespace {

constexpr std::array<std::string_view, 7> kUsedRoles{"user",  "item",  "time", "value",
                                                     "price", "title", "order"};
constexpr std::array<std::string_view, 7> kOtherRoles{"label", "query", "grade", "series",
                                                      "cat",   "num",   "known"};
constexpr std::uint64_t kLinesPerProgress = 1 << 14;

// The reasons stand in files and reports; they are read by people.
constexpr const char *kHeaderAgain = "the header again";
constexpr const char *kFields = "wrong number of fields";
constexpr const char *kNoUser = "no shopper";
constexpr const char *kNoItem = "no item";
constexpr const char *kCancelled = "cancelled or returned";
constexpr const char *kPrice = "price not above 0, or no number";
constexpr const char *kValue = "value is no number";
constexpr const char *kTime = "time cannot be read";

std::string lower(std::string_view text)
{
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    return out;
}

/// Where each used role stands in the rows; npos: not in this file.
struct Places
{
    std::array<std::size_t, kUsedRoles.size()> at{};
    [[nodiscard]] std::optional<std::string_view> get(std::string_view role,
                                                      const std::vector<std::string> &row) const
    {
        const auto index = static_cast<std::size_t>(
            std::find(kUsedRoles.begin(), kUsedRoles.end(), role) - kUsedRoles.begin());
        if (at[index] == std::string::npos)
            return std::nullopt;
        return trimmed(row[at[index]]);
    }
};

Result<Places> findColumns(const CsvReader &csv, const Columns &columns)
{
    const auto &header = csv.header();
    std::string all;
    for (const auto &name : header)
        all += (all.empty() ? "" : ", ") + cleanText(name);
    if (constexpr std::size_t kMost = 400; all.size() > kMost)
        all = cleanText(all.substr(0, kMost)) + " ...";
    for (const auto &[role, name] : columns) {
        if (std::find(kUsedRoles.begin(), kUsedRoles.end(), role) == kUsedRoles.end()) {
            return fail(ErrorCode::InvalidInput,
                        "The role \"" + role
                            + "\" is not used for events; the roles are user, item, time, value, "
                              "price, title, order");
        }
    }
    Places places;
    for (std::size_t i = 0; i < kUsedRoles.size(); ++i) {
        const std::string role(kUsedRoles[i]);
        const auto named = columns.find(role);
        const auto name = named == columns.end() ? role : named->second;
        const auto found = std::find(header.begin(), header.end(), name);
        places.at[i] = found == header.end() ? std::string::npos
                                             : static_cast<std::size_t>(found - header.begin());
        if (found == header.end() && (named != columns.end() || i < 2)) {
            std::string advice;
            for (const auto &there : header) {
                if (lower(there) == lower(name))
                    advice = "; did you mean " + cleanText(there) + "?";
            }
            if (named == columns.end())
                advice += "; say which one it is with --columns " + role + "=NAME";
            return csv.source().broken("There is no column \"" + name + "\" for the role " + role
                                           + "; the columns are " + all + advice,
                                       1, 1);
        }
        if (found != header.end() && std::find(found + 1, header.end(), name) != header.end())
            return csv.source().broken("The column \"" + name + "\" stands twice in the header", 1,
                                       1);
    }
    return places;
}

/// Why the row cannot be used, or null.
const char *fault(const Places &places, const std::vector<std::string> &row, double &time)
{
    const auto order = places.get("order", row);
    const bool cancelled = order && order->size() > 1 && (order->front() == 'C')
                           && order->find_first_not_of("0123456789", 1) == std::string_view::npos;
    if (cancelled)
        return kCancelled;
    if (const auto value = places.get("value", row)) {
        const auto number = numberOf(*value);
        if (!number)
            return kValue;
        if (*number <= 0)
            return kCancelled;
    }
    if (identifier(*places.get("user", row)).empty())
        return kNoUser;
    if (identifier(*places.get("item", row)).empty())
        return kNoItem;
    if (const auto price = places.get("price", row)) {
        if (const auto number = numberOf(*price); !number || *number <= 0)
            return kPrice;
    }
    if (const auto text = places.get("time", row)) {
        const auto read = timeOf(*text);
        if (!read)
            return kTime;
        time = *read;
    }
    return nullptr;
}

class Progress
{
public:
    Progress(const ImportOptions &options, const TextSource &source)
        : m_options(options), m_source(source)
    {
    }
    void line()
    {
        if (++m_lines % kLinesPerProgress == 0)
            tell();
    }
    void tell() const
    {
        if (m_options.progress)
            m_options.progress(m_source.bytesRead(), m_source.bytesInAll());
    }
    [[nodiscard]] std::uint64_t lines() const { return m_lines; }

private:
    const ImportOptions &m_options;
    const TextSource &m_source;
    std::uint64_t m_lines = 0;
};

Result<Dataset> importCsv(const std::filesystem::path &path, const ImportOptions &options)
{
    auto csv = CsvReader::open(path, options.longestLine);
    if (!csv)
        return tl::unexpected(csv.error());
    const auto places = findColumns(*csv, options.columns);
    if (!places)
        return tl::unexpected(places.error());
    EventTable table;
    Progress progress(options, csv->source());
    std::vector<std::string> row;
    for (;;) {
        const auto more = csv->next(row);
        if (!more)
            return tl::unexpected(more.error());
        if (!*more)
            break;
        progress.line();
        double time = 0;
        const char *reason = row.size() != csv->header().size() ? kFields
                             : row == csv->header()             ? kHeaderAgain
                                                                : fault(*places, row, time);
        if (reason) {
            table.drop(reason);
            continue;
        }
        table.add(identifier(*places->get("user", row)), identifier(*places->get("item", row)),
                  time, places->get("order", row).value_or(""),
                  cleanText(places->get("title", row).value_or("")));
    }
    if (csv->emptyRows() > 0)
        table.drop("empty line", csv->emptyRows());
    if (places->get("order", csv->header()))
        table.dropNonGoods();
    progress.tell();
    return table.finish(progress.lines() + csv->emptyRows());
}

Result<Dataset> importWords(const std::filesystem::path &path, const ImportOptions &options)
{
    const bool pairs = options.format == ImportFormat::Pairs;
    auto lines = WordLines::open(path, pairs ? options.longestLine : kLongestList);
    if (!lines)
        return tl::unexpected(lines.error());
    EventTable table;
    Progress progress(options, lines->source());
    std::vector<std::string> words;
    std::optional<bool> timed;
    for (;;) {
        const auto more = lines->next(words);
        if (!more)
            return tl::unexpected(more.error());
        if (!*more)
            break;
        progress.line();
        if (words.empty()) {
            table.drop("empty line");
        } else if (words.size() == 1) {
            table.drop(kNoItem);
        } else if (!pairs) {
            for (std::size_t i = 1; i < words.size(); ++i)
                table.add(identifier(words[0]), identifier(words[i]), 0);
        } else if (words.size() > 3) {
            return lines->source().broken(
                "A line of pairs is \"user item [time]\", but this one has "
                    + std::to_string(words.size())
                    + " words; if these are items, use --format lists",
                lines->line(), 1);
        } else {
            const bool hasTime = words.size() == 3;
            if (timed.value_or(hasTime) != hasTime) {
                return lines->source().broken(
                    "Some lines have a time and some have none; give all of them one",
                    lines->line(), 1);
            }
            timed = hasTime;
            const auto time = hasTime ? timeOf(words[2]) : std::optional(0.0);
            if (time)
                table.add(identifier(words[0]), identifier(words[1]), *time);
            else
                table.drop(kTime);
        }
    }
    progress.tell();
    return table.finish(progress.lines());
}

} // namespace

Result<ImportFormat> importFormat(std::string_view name)
{
    if (name == "csv")
        return ImportFormat::Csv;
    if (name == "pairs")
        return ImportFormat::Pairs;
    if (name == "lists")
        return ImportFormat::Lists;
    return fail(ErrorCode::Usage,
                "There is no format \"" + std::string(name) + "\"; use csv, pairs or lists");
}

Result<ImportFormat> toldFormat(const std::filesystem::path &path, std::string_view name)
{
    if (!name.empty())
        return importFormat(name);
    const auto ending = lower(path.extension().string());
    if (ending == ".csv" || ending == ".tsv")
        return ImportFormat::Csv;
    constexpr int kLines = 200;
    auto lines = WordLines::open(path, kLongestList);
    if (!lines)
        return tl::unexpected(lines.error());
    std::vector<std::string> words;
    std::set<std::string> users;
    std::size_t fewest = ~std::size_t{0}, most = 0, used = 0;
    bool timed = true, dated = true;
    for (int i = 0; i < kLines; ++i) {
        const auto more = lines->next(words);
        if (!more)
            return tl::unexpected(more.error());
        if (!*more)
            break;
        if (words.empty())
            continue;
        if (i == 0 && words[0].find(',') != std::string::npos)
            return ImportFormat::Csv;
        ++used;
        users.insert(words[0]);
        fewest = std::min(fewest, words.size());
        most = std::max(most, words.size());
        constexpr double kSeconds1973 = 1e8; // smaller numbers may well be items
        const auto time = timeOf(words.back());
        timed = timed && time;
        dated = dated && time && *time >= kSeconds1973;
    }
    if (fewest != most)
        return ImportFormat::Lists;
    // "user item" means the same in both. "a b c" is a time if it looks like one: a date, seconds
    // since 1970, or any number where users come again and again.
    const bool isPairs = most <= 2 || (most == 3 && timed && (dated || users.size() < used));
    return isPairs ? ImportFormat::Pairs : ImportFormat::Lists;
}

Result<Columns> parseColumns(std::string_view text)
{
    Columns columns;
    while (!text.empty()) {
        const auto comma = std::min(text.find(','), text.size());
        const auto part = text.substr(0, comma);
        text.remove_prefix(std::min(comma + 1, text.size()));
        const auto equals = part.find('=');
        if (equals == std::string_view::npos || equals == 0 || equals + 1 == part.size()) {
            return fail(ErrorCode::Usage,
                        "\"" + std::string(part) + "\" in --columns is not role=name");
        }
        const std::string role(trimmed(part.substr(0, equals)));
        const auto known = [&role](const auto &roles) {
            return std::find(roles.begin(), roles.end(), role) != roles.end();
        };
        if (!known(kUsedRoles) && !known(kOtherRoles)) {
            return fail(ErrorCode::Usage, "There is no role \"" + role
                                              + "\"; use user, item, time, value, price, title, "
                                                "order");
        }
        if (!columns.emplace(role, trimmed(part.substr(equals + 1))).second)
            return fail(ErrorCode::Usage, "The role \"" + role + "\" is given twice in --columns");
    }
    return columns;
}

Result<Dataset> importFile(const std::filesystem::path &path, const ImportOptions &options)
{
    auto data =
        options.format == ImportFormat::Csv ? importCsv(path, options) : importWords(path, options);
    if (data && data->events.empty()) {
        const auto dropped = droppedText(*data);
        return fail(ErrorCode::InvalidInput,
                    "No line can be used; "
                        + (dropped.empty() ? "there is only a header" : dropped),
                    path.string());
    }
    return data;
}

std::string droppedText(const Dataset &data)
{
    const auto grouped = [](std::uint64_t number) {
        auto digits = std::to_string(number);
        for (std::size_t i = digits.size(); i > 3; i -= 3)
            digits.insert(i - 3, 1, ',');
        return digits;
    };
    std::vector<std::pair<std::uint64_t, std::string>> reasons;
    std::uint64_t sum = 0;
    for (const auto &[reason, lines] : data.dropped) {
        reasons.emplace_back(lines, reason);
        sum += lines;
    }
    if (sum == 0)
        return {};
    std::sort(reasons.begin(), reasons.end(), [](const auto &a, const auto &b) {
        return a.first != b.first ? a.first > b.first : a.second < b.second;
    });
    std::string text = grouped(sum) + (sum == 1 ? " line dropped: " : " lines dropped: ");
    for (std::size_t i = 0; i < reasons.size(); ++i)
        text += (i > 0 ? ", " : "") + grouped(reasons[i].first) + " " + reasons[i].second;
    return text;
}

} // namespace engine
