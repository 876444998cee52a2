#include "engine/data/field.h"
#include "engine/training/demand/series_table.h"
#include "engine/training/demand/table_columns.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <unordered_set>

namespace engine {
namespace {

constexpr std::uint64_t kLongestRow = 1 << 20;
constexpr std::size_t kMostCategories = 5000;
/// So many rows per period, and a day without any row was closed, not without demand.
constexpr double kDense = 20;

/// What the rows say of one further column.
struct Seen
{
    bool isText = false, isFraction = false, varies = false;
    std::size_t given = 0;
    struct Total
    {
        double sum = 0;
        std::uint64_t count = 0;
    };
    std::unordered_map<std::string, Total> texts;        ///< sum of log(1 + value) by text
    std::unordered_map<std::uint32_t, std::string> last; ///< by series
    bool tooMany = false;
};

/// Texts by rising mean demand, ties by text: trees then split categories like numbers.
std::vector<std::string> byMean(const std::unordered_map<std::string, Seen::Total> &texts)
{
    std::vector<std::pair<double, std::string>> order;
    for (const auto &[text, total] : texts)
        order.emplace_back(total.sum / static_cast<double>(std::max<std::uint64_t>(1, total.count)),
                           text);
    std::sort(order.begin(), order.end());
    std::vector<std::string> out;
    for (auto &[mean, text] : order)
        out.push_back(std::move(text));
    return out;
}

std::string idOf(const std::vector<std::string> &row, const std::vector<std::size_t> &keys)
{
    std::string id;
    for (std::size_t k = 0; k < keys.size(); ++k)
        id += (k > 0 ? "|" : "") + std::string(trimmed(row[keys[k]]));
    return id;
}

/// Numbers of the whole file that decide defaults.
struct Totals
{
    std::uint64_t rows = 0, values = 0, zeros = 0, fractions = 0;
    double sum = 0, logs = 0;
    std::uint64_t positives = 0;
};

bool isPriceName(const std::string &name)
{
    return name.size() >= 5
           && std::equal(name.begin(), name.begin() + 5, "price",
                         [](char a, char b) { return (a | 0x20) == b; });
}

} // namespace

Result<DemandSchema> learnSchema(const TableFile &file, const TableRules &rules)
{
    auto csv = CsvReader::open(file.path, kLongestRow);
    if (!csv)
        return tl::unexpected(csv.error());
    auto found = findTableColumns(*csv, file.columns, nullptr, true);
    if (!found)
        return tl::unexpected(found.error());
    const auto &at = *found;
    DemandSchema schema;
    schema.timeName = csv->header()[at.time];
    schema.valueName = csv->header()[*at.value];
    for (const auto key : at.keys)
        schema.keyNames.push_back(csv->header()[key]);
    std::vector<Seen> seen(at.others.size());
    std::vector<std::unordered_map<std::string, Seen::Total>> keys(at.keys.size());
    std::unordered_map<std::string, std::uint32_t> series;
    std::vector<TimeText> times;
    std::unordered_set<std::string> timeTexts; // reading each distinct text once is enough
    Totals totals;
    std::vector<std::string> row;
    for (;;) {
        const auto line = csv->source().line();
        const auto more = csv->next(row);
        if (!more)
            return tl::unexpected(more.error());
        if (!*more)
            break;
        if (row.size() != csv->header().size() || row == csv->header())
            continue; // counted by readTable
        auto value = std::optional<double>{};
        const auto text = trimmed(row[*at.value]);
        if (!isBlank(text)) {
            value = numberOf(text);
            if (!value)
                return csv->source().broken("The value \"" + cleanText(text.substr(0, 40))
                                                + "\" is no number; leave it empty when it is not "
                                                  "known",
                                            line, 1);
            *value = std::max(0.0, *value);
        }
        if (timeTexts.insert(row[at.time]).second) {
            const auto time = readTime(row[at.time]);
            if (!time)
                return csv->source().broken(time.error().message, line, 1);
            times.push_back(*time);
        }
        const auto place =
            series.try_emplace(idOf(row, at.keys), static_cast<std::uint32_t>(series.size())).first;
        ++totals.rows;
        if (value) {
            ++totals.values;
            totals.sum += *value;
            totals.zeros += *value == 0 ? 1u : 0u;
            totals.fractions += *value != std::floor(*value) ? 1u : 0u;
            if (*value > 0) {
                totals.logs += std::log(*value);
                ++totals.positives;
            }
        }
        const double weight = value ? std::log1p(*value) : 0;
        for (std::size_t k = 0; k < at.keys.size(); ++k) {
            auto &total = keys[k][std::string(trimmed(row[at.keys[k]]))];
            total.sum += weight;
            total.count += value ? 1u : 0u;
        }
        for (std::size_t c = 0; c < seen.size(); ++c) {
            const auto cell = trimmed(row[at.others[c].at]);
            if (isBlank(cell))
                continue;
            auto &column = seen[c];
            ++column.given;
            if (!column.isText || !column.isFraction) {
                const auto number = numberOf(cell);
                column.isText = column.isText || !number;
                column.isFraction = column.isFraction || (number && *number != std::floor(*number));
            }
            std::string word(cell);
            if (!column.varies) {
                const auto [before, fresh] = column.last.try_emplace(place->second, word);
                column.varies = !fresh && before->second != word;
            }
            if (!column.tooMany) {
                auto &total = column.texts[std::move(word)];
                total.sum += weight;
                total.count += value ? 1u : 0u;
                column.tooMany = column.texts.size() > kMostCategories;
            }
        }
    }
    if (totals.values == 0)
        return csv->source().broken("No row has a value to learn from", 1, 1);
    const bool dense =
        static_cast<double>(totals.rows) >= kDense * static_cast<double>(times.size());
    auto axis = TimeAxis::of(times, dense);
    if (!axis)
        return tl::unexpected(axis.error());
    schema.axis = std::move(*axis);
    schema.season = rules.season >= 0 ? rules.season : schema.axis.season();
    schema.wholeNumbers = totals.fractions == 0;
    schema.globalMean = totals.sum / static_cast<double>(totals.values);
    schema.globalLevel =
        totals.positives > 0 ? totals.logs / static_cast<double>(totals.positives) : 0;
    // One key alone names the series; what it sells is in its history already.
    schema.usesKeys = at.keys.size() > 1;
    for (const auto &texts : keys)
        schema.keyValues.push_back(byMean(texts));
    for (std::size_t c = 0; c < seen.size(); ++c) {
        const auto &other = at.others[c];
        auto &column = seen[c];
        const bool isCategory = other.isCategory || column.isText;
        if (column.given == 0 || (isCategory && column.tooMany) || column.texts.size() < 2)
            continue; // says nothing, or too much to learn from
        DemandSchema::Column out;
        out.name = other.name;
        out.isCategory = isCategory;
        out.isPrice = !isCategory && (other.isPrice || isPriceName(other.name));
        out.isStatic = !column.varies;
        out.isKnown = at.tellsKnown
                          ? other.isKnown || other.isPrice
                          : other.isNamed || out.isPrice || isCategory || !column.isFraction;
        if (isCategory)
            out.categories = byMean(column.texts);
        schema.columns.push_back(std::move(out));
    }
    const bool hasPrice = !at.others.empty() && at.others.front().isPrice && !schema.columns.empty()
                          && schema.columns.front().isPrice
                          && schema.columns.front().name == at.others.front().name;
    if (hasPrice && at.keys.size() > 1) {
        for (const char *name : {"price over rivals", "price over the cheapest rival"})
            schema.columns.push_back({name, false, true, true, false, true, {}});
        schema.columns.push_back({"cheaper rivals", false, true, false, false, true, {}});
    }
    // Gaps: where nobody writes zeros and a fifth of the periods is missing, missing means zero.
    schema.missingIsZero = rules.missing == "zero";
    const auto periods = static_cast<double>(times.size());
    const double filled = static_cast<double>(totals.values)
                          / std::max(1.0, periods * static_cast<double>(series.size()));
    if (rules.missing == "auto")
        schema.missingIsZero = totals.zeros == 0 && filled < 0.8 && periods > 4;
    schema.hasZeros = totals.zeros > 0 || schema.missingIsZero;
    return schema;
}

} // namespace engine
