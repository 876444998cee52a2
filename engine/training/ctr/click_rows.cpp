#include "engine/training/ctr/click_rows.h"

#include "engine/data/field.h"
#include "engine/data/labelled_rows.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace engine {
namespace {

constexpr std::uint64_t kMostBytes = std::uint64_t{12} << 30;
constexpr std::size_t kDenseIndices = 256; ///< sparse files with fewer become tables of numbers

void tell(const LabelledRows &rows, const char *what, std::uint64_t row, TrainMonitor &monitor)
{
    if (row % 4096 != 0)
        return;
    const auto &source = rows.source();
    monitor.progress(what, source.bytesInAll() == 0
                               ? -1.0
                               : static_cast<double>(source.bytesRead())
                                     / static_cast<double>(source.bytesInAll()));
}

tl::unexpected<Error> stopped()
{
    return fail(ErrorCode::Halted, "The training was stopped; nothing was written");
}

std::uint32_t leastCount(const SchemaRules &rules, std::uint64_t rows)
{
    if (rules.leastCount > 0)
        return static_cast<std::uint32_t>(rules.leastCount);
    return rows < 50'000 ? 2 : 5;
}

Result<FeatureSchema> learnTable(LabelledRows &rows, const InputFile &file,
                                 const SchemaRules &rules, TrainMonitor &monitor)
{
    auto columns = clickColumns(rows.columns(), file.columns, file.path.string());
    if (!columns)
        return tl::unexpected(columns.error());
    if (columns->label.empty()) {
        std::string names;
        for (const auto &name : rows.columns())
            names += (names.empty() ? "" : ", ") + name;
        return fail(ErrorCode::InvalidInput,
                    "Which column is the label? Say --columns label=NAME; the columns are: "
                        + names,
                    file.path.string());
    }
    std::vector<std::size_t> at;
    for (const auto &name : columns->features)
        at.push_back(
            static_cast<std::size_t>(std::find(rows.columns().begin(), rows.columns().end(), name)
                                     - rows.columns().begin()));
    std::vector<ColumnProfile> profiles(at.size());
    std::vector<std::string> row;
    std::uint64_t count = 0;
    for (;;) {
        auto more = rows.next(row);
        if (!more)
            return tl::unexpected(more.error());
        if (!*more)
            break;
        for (std::size_t c = 0; c < at.size(); ++c)
            profiles[c].add(row[at[c]]);
        tell(rows, "Looking at the columns", count++, monitor);
        if (monitor.stop().stop_requested())
            return stopped();
    }
    FeatureSchema schema;
    schema.label = columns->label;
    const ProfileRules each{leastCount(rules, count), rules.vocabulary, rules.hashBuckets};
    for (std::size_t c = 0; c < at.size(); ++c) {
        const auto &name = columns->features[c];
        const auto said = columns->categories.contains(name) ? ColumnProfile::Said::Category
                          : columns->numbers.contains(name)  ? ColumnProfile::Said::Number
                                                             : ColumnProfile::Said::Nothing;
        auto column = profiles[c].column(name, said, each);
        if (column)
            schema.columns.push_back(std::move(*column));
        else
            monitor.note("The column " + name + " is left out: " + column.error());
    }
    if (schema.columns.empty())
        return fail(ErrorCode::InvalidInput, "No column is left to learn from", file.path.string());
    return schema;
}

Result<FeatureSchema> learnSparse(LabelledRows &rows, const InputFile &file,
                                  const SchemaRules &rules, TrainMonitor &monitor)
{
    struct Index
    {
        std::uint64_t rows = 0;
        std::vector<double> sample;
    };
    std::unordered_map<std::uint64_t, Index> indices;
    std::vector<std::string> row;
    std::vector<SparseValue> values;
    std::uint64_t count = 0;
    bool isDense = true;
    for (;;) {
        auto more = rows.next(row);
        if (!more)
            return tl::unexpected(more.error());
        if (!*more)
            break;
        if (auto parsed = parseSparse(row[1], values); !parsed)
            return rows.broken(parsed.error().message);
        for (const auto &[index, value] : values) {
            auto &one = indices[index];
            ++one.rows;
            if (isDense && one.sample.size() < 200'000)
                one.sample.push_back(value);
        }
        if (isDense && indices.size() > kDenseIndices) {
            isDense = false;
            for (auto &[index, one] : indices)
                one.sample = {};
        }
        tell(rows, "Looking at the features", count++, monitor);
        if (monitor.stop().stop_requested())
            return stopped();
    }
    FeatureSchema schema;
    schema.isSparse = true;
    std::vector<std::uint64_t> order;
    for (const auto &[index, one] : indices)
        order.push_back(index);
    std::sort(order.begin(), order.end());
    if (isDense) {
        for (const auto index : order) {
            ColumnProfile profile;
            auto &one = indices[index];
            for (const double value : one.sample)
                profile.add(std::to_string(value));
            // Rows that do not name the index hold 0.
            for (auto zero = std::min<std::uint64_t>(count - one.rows, 200'000); zero > 0; --zero)
                profile.add("0");
            auto column = profile.column(std::to_string(index), ColumnProfile::Said::Number, {});
            if (column)
                schema.columns.push_back(std::move(*column));
            else
                monitor.note("The index " + std::to_string(index)
                             + " is left out: " + column.error());
        }
    } else {
        const auto least = leastCount(rules, count);
        for (const auto index : order) {
            if (indices[index].rows >= least)
                schema.indices.push_back(index);
        }
        if (schema.indices.size() > rules.vocabulary * std::uint64_t{20})
            return fail(ErrorCode::InvalidInput,
                        "The file has " + std::to_string(schema.indices.size())
                            + " features; set least_count higher or vocabulary larger",
                        file.path.string());
        schema.hashBuckets = rules.hashBuckets;
    }
    if (schema.columns.empty() && !schema.hasBag())
        return fail(ErrorCode::InvalidInput, "No feature is left to learn from",
                    file.path.string());
    return schema;
}

std::uint64_t groupOf(const std::vector<std::string> &row, const ColumnMap &map)
{
    if (map.group)
        return textHash(row[*map.group]);
    std::uint64_t hash = textHash("");
    for (const auto column : map.at)
        hash = textHash(row[column], textHash("\x1f", hash));
    return hash;
}

} // namespace

std::size_t ClickRows::clicks() const
{
    return static_cast<std::size_t>(std::accumulate(labels.begin(), labels.end(), std::uint64_t{}));
}

Result<FeatureSchema> learnSchema(const InputFile &file, const SchemaRules &rules,
                                  TrainMonitor &monitor)
{
    auto rows = LabelledRows::open(file.path, file.format);
    if (!rows)
        return tl::unexpected(rows.error());
    return rows->isSparse() ? learnSparse(*rows, file, rules, monitor)
                            : learnTable(*rows, file, rules, monitor);
}

Result<ColumnMap> mapColumns(const LabelledRows &rows, const Columns &roles,
                             const FeatureEncoder &encoder)
{
    const auto &schema = encoder.schema();
    const auto &file = rows.source().path();
    if (schema.isSparse != rows.isSparse())
        return fail(ErrorCode::InvalidInput,
                    schema.isSparse
                        ? "The model was trained on libsvm rows; this file is a table"
                        : "The model was trained on a table with named columns; this file holds "
                          "libsvm rows",
                    file);
    ColumnMap map;
    const auto &header = rows.columns();
    const auto find = [&](const std::string &name) -> std::optional<std::size_t> {
        const auto at = std::find(header.begin(), header.end(), name);
        return at == header.end() ? std::nullopt : std::optional<std::size_t>(at - header.begin());
    };
    if (rows.isSparse()) {
        map.label = 0;
        map.at = {1};
        return map;
    }
    for (const auto &name : encoder.columns()) {
        const auto at = find(name);
        if (!at) {
            std::string names;
            for (const auto &each : encoder.columns())
                names += (names.empty() ? "" : ", ") + each;
            return fail(ErrorCode::InvalidInput,
                        "The column '" + name + "' is missing; the model was trained on: " + names,
                        file);
        }
        map.at.push_back(*at);
    }
    const auto named = roles.find("label");
    if (named != roles.end() && !find(named->second))
        return fail(ErrorCode::InvalidInput,
                    "There is no column '" + named->second + "' (role label)", file);
    map.label = find(named != roles.end() ? named->second : schema.label);
    if (const auto order = roles.find("order"); order != roles.end())
        map.group = find(order->second);
    map.extra = header.size() - map.at.size() - (map.label ? 1 : 0);
    return map;
}

Result<ClickRows> readRows(const InputFile &file, const FeatureEncoder &encoder,
                           TrainMonitor &monitor)
{
    auto source = LabelledRows::open(file.path, file.format);
    if (!source)
        return tl::unexpected(source.error());
    const auto map = mapColumns(*source, file.columns, encoder);
    if (!map)
        return tl::unexpected(map.error());
    if (!map->label)
        return fail(ErrorCode::InvalidInput,
                    "The file has no label column '" + encoder.schema().label
                        + "'; say --columns label=NAME",
                    file.path.string());
    ClickRows rows;
    rows.numbersPerRow = encoder.numbers();
    rows.densePerRow = encoder.dense();
    rows.fields = encoder.fields();
    std::vector<std::string> row, texts(map->at.size());
    EncodedRow encoded;
    std::uint64_t count = 0, bytes = 0;
    for (;;) {
        auto more = source->next(row);
        if (!more)
            return tl::unexpected(more.error());
        if (!*more)
            break;
        tell(*source, "Reading the rows", count++, monitor);
        if (monitor.stop().stop_requested())
            return stopped();
        const auto &text = row[*map->label];
        if (isMissing(text)) {
            ++rows.unlabelled;
            continue;
        }
        const auto label = labelOf(text);
        if (!label)
            return source->broken("The label '" + text.substr(0, 40)
                                  + "' is neither 0/1, true/false nor yes/no");
        for (std::size_t c = 0; c < texts.size(); ++c)
            texts[c] = row[map->at[c]];
        if (auto done = encoder.encode(texts, encoded); !done)
            return source->broken(done.error().message);
        bytes += 24 + encoded.bagCodes.size() * 8
                 + (encoded.numbers.size() + encoded.dense.size() + encoded.codes.size()) * 4;
        if (bytes > kMostBytes)
            return source->broken("The encoded rows need more than "
                                  + std::to_string(kMostBytes >> 30)
                                  + " GB of memory; train on a part of the file");
        rows.numbers.insert(rows.numbers.end(), encoded.numbers.begin(), encoded.numbers.end());
        rows.dense.insert(rows.dense.end(), encoded.dense.begin(), encoded.dense.end());
        rows.codes.insert(rows.codes.end(), encoded.codes.begin(), encoded.codes.end());
        rows.bagCodes.insert(rows.bagCodes.end(), encoded.bagCodes.begin(), encoded.bagCodes.end());
        rows.bagValues.insert(rows.bagValues.end(), encoded.bagValues.begin(),
                              encoded.bagValues.end());
        rows.bagStart.push_back(rows.bagCodes.size());
        rows.labels.push_back(*label ? 1 : 0);
        rows.groups.push_back(groupOf(row, *map));
        rows.unseen += encoded.unseen;
    }
    rows.repeatedHeaders = source->repeatedHeaders();
    if (rows.rows() == 0)
        return fail(ErrorCode::InvalidInput, "The file has no row with a label",
                    file.path.string());
    return rows;
}

} // namespace engine
