#include "engine/training/ctr/ctr_family.h"

#include "engine/data/labelled_rows.h"
#include "engine/data/output_file.h"
#include "engine/data/parallel.h"
#include "engine/training/ctr/click_metrics.h"
#include "engine/training/ctr/click_package.h"

#include <charconv>
#include <cmath>
#include <unordered_set>

namespace engine {
namespace {

constexpr std::size_t kBlock = 8192; ///< rows scored at a time
constexpr int kBootstraps = 200;

/// Scores rows block by block, on several threads, in their order.
class BlockScorer
{
public:
    BlockScorer(const CtrScorer &scorer, int threads)
        : m_scorer(scorer), m_threads(static_cast<unsigned>(std::max(1, threads)))
    {
    }
    std::vector<std::string> &add()
    {
        if (m_size == m_rows.size())
            m_rows.emplace_back(m_scorer.columns().size());
        return m_rows[m_size++];
    }
    [[nodiscard]] bool isFull() const { return m_size == kBlock; }
    [[nodiscard]] std::size_t size() const { return m_size; }
    [[nodiscard]] std::uint64_t unseen() const { return m_unseen; }

    /// The probabilities of the rows added since the last call; an error's place is told by the
    /// caller, who knows the lines.
    Result<std::vector<double>> score()
    {
        constexpr std::size_t kChunk = 256;
        std::vector<double> probabilities(m_size);
        std::vector<Result<RowAnswers>> answers((m_size + kChunk - 1) / kChunk);
        forChunks(m_size, kChunk, m_threads, [&](std::size_t first, std::size_t end) {
            answers[first / kChunk] =
                m_scorer.predict(std::span(m_rows).subspan(first, end - first));
        });
        std::size_t at = 0;
        for (const auto &answer : answers) {
            if (!answer)
                return tl::unexpected(answer.error());
            for (const double p : answer->probabilities)
                probabilities[at++] = p;
            m_unseen += answer->unseen;
        }
        m_size = 0;
        return probabilities;
    }

private:
    const CtrScorer &m_scorer;
    unsigned m_threads;
    std::vector<std::vector<std::string>> m_rows;
    std::size_t m_size = 0;
    std::uint64_t m_unseen = 0;
};

/// A file opened for a model, row by row as the model reads it.
class ModelRows
{
public:
    static Result<ModelRows> open(const InputFile &file, const CtrScorer &scorer)
    {
        auto rows = LabelledRows::open(file.path, file.format);
        if (!rows)
            return tl::unexpected(rows.error());
        auto map = mapColumns(*rows, file.columns, scorer.encoder());
        if (!map)
            return tl::unexpected(map.error());
        return ModelRows(std::move(*rows), std::move(*map));
    }
    /// False at the end.
    Result<bool> next() { return m_rows.next(m_row); }
    void copyTo(std::vector<std::string> &texts) const
    {
        for (std::size_t c = 0; c < m_map.at.size(); ++c)
            texts[c] = m_row[m_map.at[c]];
    }
    [[nodiscard]] const std::string &label() const { return m_row[*m_map.label]; }
    /// Of what the model reads and the label: equal rows are one and the same case.
    [[nodiscard]] std::uint64_t hash() const
    {
        auto hash = textHash(label());
        for (const auto column : m_map.at)
            hash = textHash(m_row[column], textHash("\x1f", hash));
        return hash;
    }
    [[nodiscard]] const ColumnMap &map() const { return m_map; }
    [[nodiscard]] const LabelledRows &source() const { return m_rows; }
    [[nodiscard]] double part() const
    {
        const auto &source = m_rows.source();
        return source.bytesInAll() == 0 ? -1.0
                                        : static_cast<double>(source.bytesRead())
                                              / static_cast<double>(source.bytesInAll());
    }

private:
    ModelRows(LabelledRows rows, ColumnMap map) : m_rows(std::move(rows)), m_map(std::move(map)) {}
    LabelledRows m_rows;
    ColumnMap m_map;
    std::vector<std::string> m_row;
};

tl::unexpected<Error> stopped()
{
    return fail(ErrorCode::Halted, "Stopped; nothing was written");
}

Result<> checkClasses(const ClickRows &rows, const std::string &file)
{
    const auto clicks = rows.clicks();
    if (clicks == 0 || clicks == rows.rows())
        return fail(ErrorCode::InvalidInput,
                    "All " + std::to_string(rows.rows()) + " rows have the label "
                        + (clicks == 0 ? "0" : "1")
                        + "; there is nothing to tell apart. Give rows of both classes",
                    file);
    if (clicks < 2 || rows.rows() - clicks < 2 || rows.rows() < 10)
        return fail(ErrorCode::InvalidInput,
                    "The file has " + std::to_string(rows.rows()) + " rows, "
                        + std::to_string(clicks)
                        + " of them with the label 1; that is too few to learn from",
                    file);
    return {};
}

void noteRows(const ClickRows &rows, TrainMonitor &monitor)
{
    if (rows.unlabelled > 0)
        monitor.note(std::to_string(rows.unlabelled) + " rows have no label and were left out");
    if (rows.repeatedHeaders > 0)
        monitor.note("The header stands " + std::to_string(rows.repeatedHeaders)
                     + " times more among the rows; left out");
}

/// Hashes of the rows of the training data; empty without --train.
Result<std::unordered_set<std::uint64_t>>
trainedRows(const EvalOrder &order, const CtrScorer &scorer, TrainMonitor &monitor)
{
    std::unordered_set<std::uint64_t> hashes;
    if (!order.train)
        return hashes;
    auto rows = ModelRows::open(*order.train, scorer);
    if (!rows)
        return tl::unexpected(rows.error());
    if (!rows->map().label)
        return hashes; // predictions were made for it; nothing was learned from it
    for (;;) {
        auto more = rows->next();
        if (!more)
            return tl::unexpected(more.error());
        if (!*more)
            return hashes;
        hashes.insert(rows->hash());
        if (monitor.stop().stop_requested())
            return stopped();
    }
}

/// `more` behind `rows`; gives the numbers of its rows.
std::vector<std::uint32_t> append(ClickRows &rows, const ClickRows &more)
{
    std::vector<std::uint32_t> numbers;
    for (std::size_t r = 0; r < more.rows(); ++r)
        numbers.push_back(static_cast<std::uint32_t>(rows.rows() + r));
    const auto join = [](auto &to, const auto &from) {
        to.insert(to.end(), from.begin(), from.end());
    };
    const auto bag = rows.bagCodes.size();
    for (std::size_t r = 1; r < more.bagStart.size(); ++r)
        rows.bagStart.push_back(bag + more.bagStart[r]);
    join(rows.numbers, more.numbers);
    join(rows.dense, more.dense);
    join(rows.codes, more.codes);
    join(rows.bagCodes, more.bagCodes);
    join(rows.bagValues, more.bagValues);
    join(rows.labels, more.labels);
    join(rows.groups, more.groups);
    return numbers;
}

class CtrFamily final : public Family
{
public:
    [[nodiscard]] std::string name() const override { return "ctr"; }

    [[nodiscard]] std::string help() const override
    {
        return "Probabilities of a click, a purchase ... for rows.\n"
               "Formats: csv (header first) with one row per case, or libsvm ('label index:value "
               "...').\n"
               "Columns of a csv: label=NAME (0/1, true/false, yes/no; found by itself when the "
               "column is called label), cat=A|B categories, num=C|D numbers; user, item and "
               "query are categories, price and value numbers; order=NAME keeps rows of one "
               "session together in validation; order, time, title, grade and series are no "
               "features. Columns that are not named: text becomes a category, whole numbers a "
               "category and a bucketed number, other numbers a number. A column with another "
               "value in every row, or the same in all, is left out and said.\n"
               "An empty value, NA, NaN, null, None or ? is missing. Rows without a label are "
               "left out and counted. A value that the training did not see is handled and "
               "counted.\n"
               "predict writes one probability per row, in the order of the rows; the label column "
               "may be missing, other columns are ignored.\n"
               "Settings: models both|net|trees, folds, hold_out, members, calibration "
               "auto|temperature|isotonic, dimension, hidden, layers, interaction dots|pool, "
               "concat, rate, embedding_rate, embedding_prior, decay, embedding_decay, dropout, "
               "batch, epochs, patience, tree_leaves, tree_least_rows, tree_rounds, tree_patience, "
               "tree_rate, "
               "tree_columns, tree_rows, tree_ridge, tree_smoothing, least_count, vocabulary, "
               "hash_buckets.\n";
    }

    [[nodiscard]] Result<TrainedModel> train(const TrainOrder &order,
                                             TrainMonitor &monitor) const override
    {
        if (order.initial)
            return fail(ErrorCode::InvalidInput,
                        "The family ctr cannot go on from a package; train it anew with all rows");
        auto early = clickOptions(order.recipe, 0); // a wrong setting before the file is read
        if (!early)
            return tl::unexpected(early.error());
        auto schema = learnSchema(order.train, early->schema, monitor);
        if (!schema)
            return tl::unexpected(schema.error());
        const FeatureEncoder encoder(*schema);
        auto rows = readRows(order.train, encoder, monitor);
        if (!rows)
            return tl::unexpected(rows.error());
        DR_RETURN_IF_ERROR(checkClasses(*rows, order.train.path.string()));
        noteRows(*rows, monitor);

        auto options = clickOptions(order.recipe, rows->rows());
        if (!options)
            return tl::unexpected(options.error());
        options->seed = order.seed;
        options->threads = order.threads;
        options->net.device = order.device;
        std::vector<ClickFold> folds;
        if (order.valid) {
            auto valid = readRows(*order.valid, encoder, monitor);
            if (!valid)
                return tl::unexpected(valid.error());
            DR_RETURN_IF_ERROR(checkClasses(*valid, order.valid->path.string()));
            auto &fold = folds.emplace_back();
            for (std::uint32_t r = 0; r < rows->rows(); ++r)
                fold.train.push_back(r);
            fold.validation = append(*rows, *valid);
        } else {
            const auto rare = std::min(rows->clicks(), rows->rows() - rows->clicks());
            const auto most = static_cast<int>(std::min<std::size_t>(rare, 20));
            folds = drawFolds(*rows, std::min(options->folds, std::max(most, 1)), options->holdOut,
                              order.seed);
        }
        auto model = trainClicks(*rows, encoder, folds, *options, monitor);
        if (!model)
            return tl::unexpected(model.error());
        if (model->netRowsPerSecond > 0)
            monitor.metric("net rows per second", 0, model->netRowsPerSecond);
        return clickPackage(*model, *schema);
    }

    [[nodiscard]] Result<Evaluation> evaluate(const Package &package, const EvalOrder &order,
                                              TrainMonitor &monitor) const override
    {
        const auto start = monitor.clock().now();
        auto scorer = CtrScorer::open(package);
        if (!scorer)
            return tl::unexpected(scorer.error());
        auto rows = ModelRows::open(order.test, **scorer);
        if (!rows)
            return tl::unexpected(rows.error());
        if (!rows->map().label)
            return fail(ErrorCode::InvalidInput,
                        "The file has no label to compare with; say --columns label=NAME",
                        order.test.path.string());
        const auto trained = trainedRows(order, **scorer, monitor);
        if (!trained)
            return tl::unexpected(trained.error());
        BlockScorer block(**scorer, order.threads);
        std::vector<double> probabilities;
        std::vector<std::uint8_t> labels;
        std::uint64_t unlabelled = 0, leaked = 0;
        for (bool isEnd = false; !isEnd;) {
            auto more = rows->next();
            if (!more)
                return tl::unexpected(more.error());
            isEnd = !*more;
            if (!isEnd && isMissing(rows->label())) {
                ++unlabelled;
                continue;
            }
            if (!isEnd) {
                const auto label = labelOf(rows->label());
                if (!label)
                    return rows->source().broken("The label '" + rows->label().substr(0, 40)
                                                 + "' is neither 0/1, true/false nor yes/no");
                rows->copyTo(block.add());
                labels.push_back(*label ? 1 : 0);
                leaked += trained->contains(rows->hash()) ? 1 : 0;
            }
            if (!isEnd && !block.isFull())
                continue;
            auto scored = block.score();
            if (!scored)
                return rows->source().broken(scored.error().message);
            probabilities.insert(probabilities.end(), scored->begin(), scored->end());
            monitor.progress("Scoring the rows", rows->part());
            if (monitor.stop().stop_requested())
                return stopped();
        }
        if (labels.empty())
            return fail(ErrorCode::InvalidInput, "The file has no row with a label",
                        order.test.path.string());
        if (unlabelled > 0)
            monitor.note(std::to_string(unlabelled) + " rows have no label and were left out");
        Evaluation evaluation;
        if (leaked > 0) {
            evaluation.counts["test rows that stand in train"] = leaked;
            monitor.note("warning: " + std::to_string(leaked)
                         + " rows of the test stand in the training data, label and all, so these "
                           "figures may flatter the model");
        }
        evaluation.metrics = clickMetrics(probabilities, labels);
        evaluation.metrics["unseen-values"] = static_cast<double>(block.unseen());
        for (const auto &[name, value] :
             bootstrapClickMetrics(probabilities, labels, kBootstraps, 1)) {
            evaluation.standardErrors[name] = value.error;
            if (name == "logloss" || name == "auc" || name == "ece") {
                evaluation.metrics[name + " low"] = value.low;
                evaluation.metrics[name + " high"] = value.high;
            }
        }
        evaluation.users = labels.size();
        evaluation.seconds = static_cast<double>((monitor.clock().now() - start).count()) / 1e6;
        return evaluation;
    }

    [[nodiscard]] Result<Answered> answer(const Package &package, const AnswerOrder &order,
                                          TrainMonitor &monitor) const override
    {
        if (order.kind != Answer::Predict)
            return fail(ErrorCode::InvalidInput,
                        "A model of the family ctr answers 'drillctl predict' only: one "
                        "probability per row");
        auto scorer = CtrScorer::open(package);
        if (!scorer)
            return tl::unexpected(scorer.error());
        auto rows = ModelRows::open(order.in, **scorer);
        if (!rows)
            return tl::unexpected(rows.error());
        auto out = OutputFile::open(order.out);
        if (!out)
            return tl::unexpected(out.error());
        BlockScorer block(**scorer, order.threads);
        Answered answered;
        for (bool isEnd = false; !isEnd;) {
            auto more = rows->next();
            if (!more)
                return tl::unexpected(more.error());
            isEnd = !*more;
            if (!isEnd)
                rows->copyTo(block.add());
            if (!isEnd && !block.isFull())
                continue;
            answered.rows += block.size();
            auto scored = block.score();
            if (!scored)
                return rows->source().broken(scored.error().message);
            std::string text;
            char digits[64];
            for (const double p : *scored) {
                const auto end = std::to_chars(digits, digits + sizeof digits, p).ptr;
                text.append(digits, end);
                text += '\n';
            }
            DR_RETURN_IF_ERROR(out->write(text));
            monitor.progress("Scoring the rows", rows->part());
            if (monitor.stop().stop_requested())
                return stopped();
        }
        DR_RETURN_IF_ERROR(out->commit());
        answered.notes["unseen values"] = block.unseen();
        answered.notes["ignored columns"] = rows->map().extra;
        if (rows->source().repeatedHeaders() > 0)
            answered.notes["repeated headers"] = rows->source().repeatedHeaders();
        return answered;
    }
};

} // namespace

const Family &ctrFamily()
{
    static const CtrFamily family;
    return family;
}

} // namespace engine
