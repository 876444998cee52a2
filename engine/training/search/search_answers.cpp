#include "engine/training/search/search_answers.h"

#include "engine/data/csv_reader.h"
#include "engine/data/field.h"
#include "engine/data/output_file.h"
#include "engine/scoring/search_ranker.h"
#include "engine/training/search/click_model.h"
#include "engine/training/search/libsvm_reader.h"
#include "engine/training/search/search_evaluation.h"

#include <algorithm>
#include <charconv>

namespace engine {
namespace {

constexpr std::uint64_t kLongestRow = 1 << 23, kRowsPerProgress = 1 << 12;

std::string numberText(float value)
{
    char text[64];
    const auto end = std::to_chars(text, text + sizeof text, value).ptr;
    return {text, end};
}

Result<> tell(TrainMonitor &monitor, std::uint64_t rows)
{
    if (rows % kRowsPerProgress != 0)
        return {};
    monitor.progress("answering", -1);
    if (monitor.stop().stop_requested())
        return fail(ErrorCode::Halted, "Stopped; nothing was written");
    return {};
}

/// The queries of a file one by one: lines, or the column query of a CSV.
class QuerySource
{
public:
    static Result<QuerySource> open(const InputFile &file)
    {
        QuerySource source;
        const bool isCsv =
            file.format == "csv" || (file.format.empty() && file.path.extension() == ".csv");
        if (!file.format.empty() && !isCsv && file.format != "lines")
            return fail(ErrorCode::Usage,
                        "Queries are read as lines or csv, not as " + file.format);
        if (!isCsv) {
            auto text = TextSource::open(file.path);
            if (!text)
                return tl::unexpected(text.error());
            source.m_lines.emplace(std::move(*text));
            return source;
        }
        auto csv = CsvReader::open(file.path, kLongestRow);
        if (!csv)
            return tl::unexpected(csv.error());
        const auto told = file.columns.find("query");
        const auto name = told == file.columns.end() ? std::string("query") : told->second;
        const auto &header = csv->header();
        const auto at = std::find(header.begin(), header.end(), name);
        if (at == header.end())
            return fail(ErrorCode::InvalidInput,
                        "There is no column '" + name
                            + "'; name the queries' column, for instance --columns query=keyword",
                        file.path.string() + ":1");
        source.m_column = static_cast<std::size_t>(at - header.begin());
        source.m_csv.emplace(std::move(*csv));
        return source;
    }

    Result<bool> next(std::string &query)
    {
        if (m_csv) {
            auto more = m_csv->next(m_row);
            if (!more || !*more)
                return more;
            query = m_column < m_row.size() ? m_row[m_column] : std::string();
            return true;
        }
        query.clear();
        int byte = m_lines->next();
        if (byte == TextSource::kEnd)
            return false;
        for (; byte >= 0 && byte != '\n'; byte = m_lines->next()) {
            if (query.size() >= kLongestRow)
                return m_lines->broken("This line is longer than 8 MiB; write one query per line",
                                       m_lines->line(), 1);
            query += static_cast<char>(byte);
        }
        if (byte == TextSource::kFault)
            return tl::unexpected(m_lines->error());
        return true;
    }

private:
    QuerySource() = default;
    std::optional<TextSource> m_lines;
    std::optional<CsvReader> m_csv;
    std::size_t m_column = 0;
    std::vector<std::string> m_row;
};

Result<Answered> predictFeatures(const Package &package, const AnswerOrder &order,
                                 TrainMonitor &monitor)
{
    const auto model = RankerModel::open(package);
    if (!model)
        return tl::unexpected(model.error());
    if (package.files.contains("search.index"))
        return fail(ErrorCode::InvalidInput,
                    "This model was trained on products and queries; it answers `rank`, and "
                    "`predict` for a CSV with query and item",
                    order.in.path.string());
    auto reader = LibsvmReader::open(order.in.path);
    if (!reader)
        return tl::unexpected(reader.error());
    auto output = OutputFile::open(order.out);
    if (!output)
        return tl::unexpected(output.error());
    Answered answered;
    LibsvmLine line;
    std::vector<float> row(model->features);
    for (;;) {
        const auto more = reader->next(line);
        if (!more)
            return tl::unexpected(more.error());
        if (!*more)
            break;
        std::fill(row.begin(), row.end(), 0.0f);
        for (const auto &[number, value] : line.values) {
            if (number < row.size())
                row[number] = value;
            else
                ++answered.notes["values of features unseen in training, left out"];
        }
        DR_RETURN_IF_ERROR(output->write(numberText(static_cast<float>(model->score(row))) + '\n'));
        ++answered.rows;
        DR_RETURN_IF_ERROR(tell(monitor, answered.rows));
    }
    DR_RETURN_IF_ERROR(output->commit());
    return answered;
}

/// Scores rows of a CSV by whoever can.
Result<Answered> predictCsv(const Package &package, const AnswerOrder &order, TrainMonitor &monitor)
{
    auto reader = CsvReader::open(order.in.path, kLongestRow);
    if (!reader)
        return tl::unexpected(reader.error());
    const auto file = order.in.path.string();
    const bool isClicks = package.files.contains("clicks.txt");
    auto columns = order.in.columns;
    if (!isClicks)
        columns.emplace("num", reader->header().front()); // no rank is needed
    const auto at = impressionColumns(reader->header(), columns, file);
    if (!at)
        return tl::unexpected(at.error());
    std::optional<PositionModel> clicks;
    std::unique_ptr<SearchRanker> ranker;
    if (isClicks) {
        auto opened = PositionModel::open(package);
        if (!opened)
            return tl::unexpected(opened.error());
        clicks = std::move(*opened);
    } else {
        auto opened = SearchRanker::open(package);
        if (!opened)
            return tl::unexpected(opened.error());
        ranker = std::move(*opened);
    }
    auto output = OutputFile::open(order.out);
    if (!output)
        return tl::unexpected(output.error());
    Answered answered;
    std::vector<std::string> row;
    std::string last;
    std::optional<QueryContext> context;
    for (;;) {
        const auto line = reader->source().line();
        const auto more = reader->next(row);
        if (!more)
            return tl::unexpected(more.error());
        if (!*more)
            break;
        if (row.size() != reader->header().size())
            return fail(ErrorCode::InvalidInput,
                        "This row has " + std::to_string(row.size()) + " fields, the header "
                            + std::to_string(reader->header().size()),
                        file + ":" + std::to_string(line));
        const auto query = cleanText(row[at->query]);
        const auto item = cleanText(identifier(row[at->item]));
        std::string text;
        if (clicks) {
            const auto rank = numberOf(trimmed(row[at->rank]));
            if (!rank || *rank < 1 || *rank > 65535)
                return fail(ErrorCode::InvalidInput,
                            "A rank is a whole number from 1, not '" + row[at->rank].substr(0, 40)
                                + "'",
                            file + ":" + std::to_string(line));
            if (!clicks->attraction(query, item))
                ++answered.notes["pairs unseen in training"];
            text =
                numberText(static_cast<float>(clicks->click(query, item, static_cast<int>(*rank))));
        } else {
            if (!context || query != last)
                context = ranker->features().context(last = query);
            if (const auto product = ranker->index().product(item))
                text = numberText(static_cast<float>(ranker->score(*context, *product)));
            else
                ++answered.notes["unknown products, empty line"];
        }
        DR_RETURN_IF_ERROR(output->write(text + '\n'));
        ++answered.rows;
        DR_RETURN_IF_ERROR(tell(monitor, answered.rows));
    }
    DR_RETURN_IF_ERROR(output->commit());
    return answered;
}

} // namespace

Result<Answered> rankQueries(const Package &package, const AnswerOrder &order,
                             TrainMonitor &monitor)
{
    auto ranker = SearchRanker::open(package);
    if (!ranker)
        return tl::unexpected(ranker.error());
    auto source = QuerySource::open(order.in);
    if (!source)
        return tl::unexpected(source.error());
    auto output = OutputFile::open(order.out);
    if (!output)
        return tl::unexpected(output.error());
    Answered answered;
    std::string query;
    std::uint64_t queries = 0;
    for (;;) {
        const auto more = source->next(query);
        if (!more)
            return tl::unexpected(more.error());
        if (!*more)
            break;
        const auto clean = cleanText(query);
        if (clean.empty()) {
            ++answered.notes["empty queries"];
            continue;
        }
        const auto lists = (*ranker)->rank({&clean, 1}, order.k);
        if (!lists)
            return tl::unexpected(lists.error());
        const auto &list = lists->front();
        if (list.products.empty())
            ++answered.notes["queries that match nothing"];
        std::string lines;
        for (std::size_t i = 0; i < list.products.size(); ++i)
            lines += clean + '\t' + list.products[i] + '\t' + numberText(list.scores[i]) + '\n';
        answered.rows += list.products.size();
        DR_RETURN_IF_ERROR(output->write(lines));
        if (++queries % 64 == 0)
            monitor.progress("answering", -1);
        if (monitor.stop().stop_requested())
            return fail(ErrorCode::Halted, "Stopped; nothing was written");
    }
    DR_RETURN_IF_ERROR(output->commit());
    return answered;
}

Result<Answered> predictRows(const Package &package, const AnswerOrder &order,
                             TrainMonitor &monitor)
{
    return isLibsvm(order.in) ? predictFeatures(package, order, monitor)
                              : predictCsv(package, order, monitor);
}

} // namespace engine
