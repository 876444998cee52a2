#include "engine/training/demand/series_table.h"

#include "engine/data/field.h"
#include "engine/training/demand/table_columns.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_map>

namespace engine {
namespace {

constexpr std::uint64_t kLongestRow = 1 << 20;
/// Periods of one series: a stray time far away must not fill the memory.
constexpr std::int64_t kLongestSeries = 200'000;
constexpr float kNone = std::numeric_limits<float>::quiet_NaN();

struct Row
{
    std::int64_t period;
    std::uint64_t line;
    float value; ///< NaN: none
    std::vector<float> columns;
};

struct Collected
{
    std::string id;
    std::vector<Row> rows;
};

using Numbers = std::unordered_map<std::string, float>;

Numbers numbered(const std::vector<std::string> &texts)
{
    Numbers numbers;
    for (std::size_t i = 0; i < texts.size(); ++i)
        numbers.emplace(texts[i], static_cast<float>(i));
    return numbers;
}

/// Rows of one series by period, later lines behind earlier ones; keeps the newest `most`.
void order(std::vector<Row> &rows, std::size_t most)
{
    std::sort(rows.begin(), rows.end(), [](const Row &a, const Row &b) {
        return a.period != b.period ? a.period < b.period : a.line < b.line;
    });
    if (rows.size() > most)
        rows.erase(rows.begin(), rows.end() - static_cast<std::ptrdiff_t>(most));
}

/// Prices of the others in the same first key part and period, against one's own.
void addRivals(const DemandSchema &schema, std::vector<DemandSeries> &series)
{
    const auto width = schema.columns.size();
    if (width < 4 || !schema.columns[width - 1].isRival)
        return;
    std::unordered_map<std::string, std::vector<DemandSeries *>> groups;
    for (auto &each : series)
        groups[each.id.substr(0, each.id.find('|'))].push_back(&each);
    std::vector<std::pair<float, float *>> prices; // price, its row
    for (auto &[name, members] : groups) {
        auto low = std::numeric_limits<std::int64_t>::max();
        auto high = std::numeric_limits<std::int64_t>::min();
        for (const auto *each : members) {
            low = std::min(low, each->first);
            high = std::max(high,
                            each->first + static_cast<std::int64_t>(each->columns.size() / width));
        }
        for (auto period = low; period < high; ++period) {
            prices.clear();
            double sum = 0;
            for (auto *each : members) {
                const auto at = period - each->first;
                if (at < 0 || static_cast<std::size_t>(at + 1) * width > each->columns.size())
                    continue;
                auto *row = each->columns.data() + static_cast<std::size_t>(at) * width;
                if (row[0] > 0) {
                    prices.emplace_back(row[0], row);
                    sum += static_cast<double>(row[0]);
                }
            }
            if (prices.size() < 2)
                continue;
            for (const auto &[price, row] : prices) {
                float cheapest = std::numeric_limits<float>::max();
                int cheaper = 0;
                for (const auto &[other, place] : prices) {
                    if (place == row)
                        continue;
                    cheapest = std::min(cheapest, other);
                    cheaper += other < price ? 1 : 0;
                }
                const double others =
                    (sum - static_cast<double>(price)) / static_cast<double>(prices.size() - 1);
                row[width - 3] = static_cast<float>(static_cast<double>(price) / others);
                row[width - 2] = price / cheapest;
                row[width - 1] = static_cast<float>(cheaper);
            }
        }
    }
}

class Assembler
{
public:
    Assembler(const DemandSchema &schema, bool sums, bool wholeHistory, DemandTable &table)
        : m_schema(schema), m_sums(sums), m_wholeHistory(wholeHistory), m_table(table)
    {
    }

    Result<DemandSeries> assemble(Collected &in, std::int64_t end) const
    {
        auto &rows = in.rows;
        merge(rows);
        const auto width = m_schema.columns.size();
        DemandSeries out;
        out.id = std::move(in.id);
        // A series whose empty rows begin earlier is asked for those.
        auto last = std::numeric_limits<std::int64_t>::min();
        for (const auto &row : rows) {
            if (row.value == row.value)
                last = std::max(last, row.period);
        }
        const bool asksEarlier =
            last != std::numeric_limits<std::int64_t>::min() && !m_schema.missingIsZero
            && std::any_of(rows.begin(), rows.end(),
                           [&](const Row &row) { return row.period > last && row.period <= end; });
        const auto origin = asksEarlier ? last : end;
        out.first = std::min(rows.front().period, origin + 1);
        if (!m_wholeHistory)
            out.first = std::max(out.first, origin + 1 - m_schema.window);
        const auto until = std::max(rows.back().period, origin);
        if (until - out.first >= kLongestSeries)
            return fail(ErrorCode::InvalidInput, "The series " + out.id + " spans "
                                                     + std::to_string(until - out.first + 1)
                                                     + " periods; is one of its times wrong?");
        const auto known = static_cast<std::size_t>(origin + 1 - out.first);
        out.plan = static_cast<std::size_t>(until - origin);
        out.values.assign(known, m_schema.missingIsZero ? 0.0f : kNone);
        out.columns.assign((known + out.plan) * width, kNone);
        out.asked.assign(out.plan, 0);
        out.actual.assign(out.plan, kNone);
        for (const auto &row : rows) {
            if (row.period < out.first)
                continue;
            const auto at = static_cast<std::size_t>(row.period - out.first);
            if (at < known) {
                if (row.value == row.value)
                    out.values[at] = row.value;
            } else {
                out.asked[at - known] = 1;
                out.actual[at - known] = row.value;
            }
            std::copy(row.columns.begin(), row.columns.end(),
                      out.columns.begin() + static_cast<std::ptrdiff_t>(at * width));
        }
        fill(out, known, width);
        return out;
    }

private:
    /// One row per period: the last one, or the sum.
    void merge(std::vector<Row> &rows) const
    {
        std::size_t kept = 0;
        for (std::size_t i = 0; i < rows.size(); ++i) {
            if (kept > 0 && rows[kept - 1].period == rows[i].period) {
                ++m_table.notes[m_sums ? "rows of the same series and period, added up"
                                       : "rows of the same series and period, the last one counts"];
                const float before = rows[kept - 1].value;
                if (m_sums && before == before && rows[i].value == rows[i].value)
                    rows[i].value += before;
                else if (m_sums && before == before)
                    rows[i].value = before;
                rows[kept - 1] = std::move(rows[i]);
            } else {
                if (kept != i)
                    rows[kept] = std::move(rows[i]);
                ++kept;
            }
        }
        rows.resize(kept);
    }

    /// A price stays until another is told; what never changes holds for all periods.
    void fill(DemandSeries &series, std::size_t known, std::size_t width) const
    {
        const auto periods = known + series.plan;
        for (std::size_t c = 0; c < width; ++c) {
            const auto &column = m_schema.columns[c];
            if (column.isRival || (!column.isPrice && !column.isStatic))
                continue;
            float last = kNone;
            for (std::size_t i = 0; i < periods; ++i) {
                auto &cell = series.columns[i * width + c];
                if (cell == cell)
                    last = cell;
                else
                    cell = last;
            }
            for (std::size_t i = periods; column.isStatic && i-- > 0;) {
                auto &cell = series.columns[i * width + c];
                if (cell == cell)
                    last = cell;
                else
                    cell = last;
            }
        }
    }

    const DemandSchema &m_schema;
    bool m_sums, m_wholeHistory;
    DemandTable &m_table;
};

} // namespace

Result<DemandTable> readTable(const TableFile &file, const DemandSchema &schema,
                              const TableRules &rules, bool wholeHistory,
                              std::optional<std::int64_t> end)
{
    auto csv = CsvReader::open(file.path, kLongestRow);
    if (!csv)
        return tl::unexpected(csv.error());
    const auto found = findTableColumns(*csv, file.columns, &schema, false);
    if (!found)
        return tl::unexpected(found.error());
    const auto &at = *found;
    DemandTable table;
    if (at.keys.size() != schema.keyNames.size())
        return csv->source().broken("The model names a series by "
                                        + std::to_string(schema.keyNames.size())
                                        + " columns, the file by " + std::to_string(at.keys.size()),
                                    1, 1);
    const auto width = schema.columns.size();
    std::vector<std::optional<std::size_t>> places(width);
    std::vector<Numbers> categories(width);
    for (std::size_t c = 0; c < width; ++c) {
        const auto &column = schema.columns[c];
        categories[c] = numbered(column.categories);
        for (const auto &other : at.others) {
            if (other.name == column.name || (other.isPrice && c == 0 && column.isPrice))
                places[c] = other.at;
        }
        if (!places[c] && !column.isRival)
            ++table.notes["columns of the model that the file lacks"];
    }
    std::vector<Numbers> keyNumbers;
    for (const auto &values : schema.keyValues)
        keyNumbers.push_back(numbered(values));

    std::vector<Collected> collected;
    std::unordered_map<std::string, std::size_t> numbers;
    std::unordered_map<std::string, std::int64_t> periods; // distinct texts are few
    const auto most = static_cast<std::size_t>(schema.window)
                      + static_cast<std::size_t>(Forecaster::kMostHorizon);
    auto lastKnown = std::numeric_limits<std::int64_t>::min();
    auto lastRow = lastKnown;
    std::uint64_t line = 0, repeated = 0;
    std::vector<std::string> row;
    for (;;) {
        const auto place = csv->source().line();
        const auto more = csv->next(row);
        if (!more)
            return tl::unexpected(more.error());
        if (!*more)
            break;
        ++line;
        if (row == csv->header()) {
            ++table.notes["the header again"];
            continue;
        }
        if (row.size() != csv->header().size()) {
            ++table.notes["wrong number of fields"];
            continue;
        }
        Row out;
        out.line = line;
        out.value = kNone;
        const auto text = at.value ? trimmed(row[*at.value]) : std::string_view();
        if (!isBlank(text)) {
            const auto number = numberOf(text);
            if (!number)
                return csv->source().broken("The value \"" + cleanText(text.substr(0, 40))
                                                + "\" is no number; leave it empty when it is not "
                                                  "known",
                                            place, 1);
            if (*number < 0)
                ++table.notes["values below 0, read as 0"];
            out.value = static_cast<float>(std::clamp(*number, 0.0, 1e30));
        }
        const auto known = periods.find(row[at.time]);
        if (known != periods.end()) {
            out.period = known->second;
        } else {
            const auto time = readTime(row[at.time]);
            if (!time)
                return csv->source().broken(time.error().message, place, 1);
            const auto period = schema.axis.period(*time);
            if (!period) {
                if (time->kind != schema.axis.kind)
                    return csv->source().broken(period.error().message, place, 1);
                ++table.notes["times between the model's periods, left out"];
                continue;
            }
            out.period = *period;
            periods.emplace(row[at.time], *period);
        }
        out.columns.assign(width, kNone);
        for (std::size_t c = 0; c < width; ++c) {
            if (!places[c])
                continue;
            const auto cell = trimmed(row[*places[c]]);
            if (isBlank(cell))
                continue;
            if (schema.columns[c].isCategory) {
                const auto number = categories[c].find(std::string(cell));
                if (number != categories[c].end())
                    out.columns[c] = number->second;
                else
                    ++table.notes["categories that training did not see"];
            } else if (const auto number = numberOf(cell)) {
                out.columns[c] = static_cast<float>(*number);
            } else {
                ++table.notes["cells that are no numbers"];
            }
        }
        std::string id;
        for (std::size_t k = 0; k < at.keys.size(); ++k)
            id += (k > 0 ? "|" : "") + std::string(trimmed(row[at.keys[k]]));
        const auto [slot, isNew] = numbers.try_emplace(std::move(id), collected.size());
        if (isNew)
            collected.push_back({slot->first, {}});
        if (out.value == out.value) {
            lastKnown = std::max(lastKnown, out.period);
            ++table.valued;
        }
        lastRow = std::max(lastRow, out.period);
        ++table.rows;
        auto &rows = collected[slot->second].rows;
        if (!rows.empty() && rows.back().period == out.period)
            ++repeated;
        rows.push_back(std::move(out));
        if (!wholeHistory && rows.size() > 2 * most)
            order(rows, most);
    }
    if (csv->emptyRows() > 0)
        table.notes["empty lines"] += csv->emptyRows();
    if (collected.empty())
        return csv->source().broken("The file has no rows", 1, 1);
    if (table.valued == 0) { // a plan alone, from its first row on
        lastKnown = lastRow;
        for (const auto &each : collected) {
            for (const auto &one : each.rows)
                lastKnown = std::min(lastKnown, one.period - 1);
        }
    }
    const bool sums =
        rules.duplicates == "sum"
        || (rules.duplicates == "auto"
            && static_cast<double>(repeated) > 0.05 * static_cast<double>(table.rows));
    const Assembler assembler(schema, sums, wholeHistory, table);
    for (auto &each : collected) {
        order(each.rows, each.rows.size());
        auto series = assembler.assemble(each, end.value_or(lastKnown));
        if (!series)
            return tl::unexpected(series.error());
        const auto parts = keyParts(series->id, keyNumbers.size());
        for (std::size_t k = 0; k < keyNumbers.size(); ++k) {
            const auto number = keyNumbers[k].find(parts[k]);
            series->keys.push_back(number == keyNumbers[k].end() ? kNone : number->second);
        }
        table.series.push_back(std::move(*series));
        std::vector<Row>().swap(each.rows);
    }
    addRivals(schema, table.series);
    return table;
}

} // namespace engine
