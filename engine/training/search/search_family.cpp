#include "engine/training/search/search_family.h"

#include "engine/training/search/libsvm_reader.h"
#include "engine/training/search/search_answers.h"
#include "engine/training/search/search_evaluation.h"
#include "engine/training/search/search_trainer.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <functional>

namespace engine {
namespace {

constexpr std::size_t kMostQueries = 3000;

bool isJson(const std::filesystem::path &path)
{
    const auto ending = path.extension().string();
    return ending == ".jsonl" || ending == ".json" || ending == ".ndjson";
}

Result<TrainedModel> trainOnRows(const TrainOrder &order, TrainMonitor &monitor)
{
    std::uint64_t unknown = 0;
    const auto rows = readLibsvm(order.train.path, 0, unknown);
    if (!rows)
        return tl::unexpected(rows.error());
    std::optional<RankingRows> valid;
    if (order.valid) {
        auto read = readLibsvm(order.valid->path, rows->features, unknown);
        if (!read)
            return tl::unexpected(read.error());
        valid = std::move(*read);
    }
    if (std::adjacent_find(rows->grades.begin(), rows->grades.end(), std::not_equal_to<>())
        == rows->grades.end())
        return fail(ErrorCode::InvalidInput,
                    "Every row has the same grade, so there is nothing to learn an order from",
                    order.train.path.string());
    const auto options = searchOptions(order.recipe, false, rows->queries(), order.seed);
    if (!options)
        return tl::unexpected(options.error());
    const auto ranker = trainRanker(*rows, valid ? &*valid : nullptr, options->ranker, monitor);
    if (!ranker)
        return tl::unexpected(ranker.error());
    return rowsModel(*ranker);
}

/// With --products the file of --train must teach something: a second catalogue, or a column for
/// the queries under another name, must not pass for "nothing to learn from".
tl::unexpected<Error> noLessons(const TrainOrder &order)
{
    const auto file = order.train.path.string();
    if (isJson(order.train.path))
        return fail(ErrorCode::InvalidInput,
                    "This is a second catalogue beside --products. Give judgments or sessions "
                    "(CSV) to --train, or leave one of the two out",
                    file);
    return fail(ErrorCode::InvalidInput,
                "There is no column for query, so there is nothing to learn from; name it, for "
                "instance --columns query=NAME. For BM25 alone give the catalogue to --train and "
                "leave --products out",
                file + ":1");
}

/// What the ranker learns from: judgments as they stand, or the grades of a click model.
struct Lessons
{
    std::vector<JudgedQuery> queries;
    std::optional<PositionModel> clicks;
};

Result<Lessons> readLessons(const TrainOrder &order, const SearchOptions &options,
                            TrainMonitor &monitor)
{
    Lessons lessons;
    const auto kind = searchFileKind(order.train.path, order.train.columns);
    if (!kind)
        return tl::unexpected(kind.error());
    if (*kind == SearchFile::Products) {
        if (order.products)
            return noLessons(order);
        return lessons;
    }
    if (*kind == SearchFile::Sessions) {
        const auto sessions = readImpressions(order.train.path, order.train.columns, monitor);
        if (!sessions)
            return tl::unexpected(sessions.error());
        bool hasClick = false;
        for (const auto &row : sessions->rows)
            hasClick = hasClick || row.isClicked;
        if (!hasClick)
            return fail(ErrorCode::InvalidInput, "Nothing was clicked in these sessions",
                        order.train.path.string());
        monitor.progress("learning what is clicked at which position", -1);
        lessons.clicks = PositionModel::train(*sessions, options.clicks);
        lessons.queries = lessons.clicks->grades();
        return lessons;
    }
    auto judged = readJudgments(order.train.path, order.train.columns, monitor);
    if (!judged)
        return tl::unexpected(judged.error());
    lessons.queries = std::move(*judged);
    return lessons;
}

/// Judgments with a path of products, sessions with or without, products alone.
Result<TrainedModel> trainOnText(const TrainOrder &order, TrainMonitor &monitor)
{
    const bool isProductsAlone = order.train.path.empty() || isJson(order.train.path);
    auto products =
        order.products.value_or(isProductsAlone ? order.train.path : std::filesystem::path());
    if (order.products && isJson(order.train.path) && *order.products != order.train.path)
        return noLessons(order);
    const auto options = searchOptions(order.recipe, true, 0, order.seed);
    if (!options)
        return tl::unexpected(options.error());
    Lessons lessons;
    if (!isProductsAlone) {
        auto read = readLessons(order, *options, monitor);
        if (!read)
            return tl::unexpected(read.error());
        lessons = std::move(*read);
        if (lessons.queries.empty() && products.empty())
            products = order.train.path; // a CSV without queries is the catalogue itself
    }
    if (products.empty())
        return fail(ErrorCode::Usage, "Search needs its catalogue: --products FILE (jsonl or csv)");
    const bool learns = !lessons.queries.empty() && options->ranker.parts != "bm25";
    auto all = readSearchable(products, "", *options, learns, monitor);
    if (!all)
        return tl::unexpected(all.error());
    if (lessons.queries.size() > kMostQueries) {
        monitor.note("The ranker learns from the first " + std::to_string(kMostQueries) + " of "
                     + std::to_string(lessons.queries.size()) + " queries");
        lessons.queries.resize(kMostQueries);
    }
    std::vector<QueryRows> rows;
    std::uint64_t unknown = 0, without = 0;
    for (std::size_t q = 0; q < lessons.queries.size() && learns; ++q) {
        if (monitor.stop().stop_requested())
            return fail(ErrorCode::Halted, "The training was stopped; nothing was written");
        monitor.progress("looking up queries",
                         static_cast<double>(q) / static_cast<double>(lessons.queries.size()));
        rows.push_back(queryRows(*all->features, all->catalogue->index, lessons.queries[q]));
        unknown += rows.back().unknown;
        without += rows.back().hasRelevant() ? 0 : 1;
    }
    if (unknown > 0)
        monitor.note(std::to_string(unknown)
                     + " judged products are not in the catalogue; nobody can find them");
    if (without > 0)
        monitor.note(std::to_string(without)
                     + " queries without a product of a grade above 0 teach nothing");
    TrainedRanker ranker;
    ranker.model.features = searchFeatureNames().size();
    if (learns) {
        std::vector<const QueryRows *> pointers;
        for (const auto &query : rows)
            pointers.push_back(&query);
        auto trained = trainRanker(pointers, options->ranker, monitor);
        if (!trained)
            return tl::unexpected(trained.error());
        ranker = std::move(*trained);
    } else if (lessons.queries.empty()) {
        monitor.note("There are no judgments, so BM25 alone ranks");
    }
    auto model = searchModel(*all->catalogue, *options, ranker);
    if (lessons.clicks)
        lessons.clicks->save(model);
    return model;
}

class SearchFamily final : public Family
{
public:
    [[nodiscard]] std::string name() const override { return "search"; }

    [[nodiscard]] std::string help() const override
    {
        return
            R"(search: BM25 finds products, a ranker learned from judgments or clicks orders them.
  --products FILE  the catalogue, JSON lines or CSV. Members and columns by name: id, title,
                   short_description, long_description, supplier or brand, category, price,
                   popularity; everything else is an attribute. Other names: --set
                   product-item=upc --set product-title=name (description, long-text, supplier,
                   category, price, popularity). An id that comes again is left out.
  --train FILE     CSV with query, item, grade (0 to 30): judgments; or query, item, rank, clicked:
                   sessions, from which a click model takes position out. Rank is named by
                   --columns num=POSITION, clicked by label=COLUMN. A catalogue alone (jsonl, or
                   CSV without queries) gives BM25.
                   --format libsvm: 'grade [qid:N] feature:value ...', with FILE.query beside it
                   when there is no qid; then predict gives one score per row.
  eval             judgments: ndcg@10 with unjudged products as 0 and condensed, mrr, recall@100,
                   the same of BM25 and paired bootstrap; sessions: click log-loss; libsvm:
                   ndcg@1,3,5,10, queries without a relevant document count 1.
  rank             'query<TAB>product<TAB>score', best first; one query per line, or CSV with query.
  predict          libsvm: the ranker's score; CSV with query, item, rank: probability of a click.
  settings         ranker auto|bm25|trees|nets|both; k1 b weight-title weight-description
                   weight-long-text weight-supplier weight-category weight-attributes weight-names
                   plurals english|s|keep; latent-dims latent-per-group; folds negatives
                   negative-weight; tree-loss auto|lambdarank|squares trees leaves forests leaf-rows
                   tree-rate tree-l2 feature-share query-share; nets net-width net-steps net-rate
                   net-decay; click-rounds click-prior.)";
    }

    [[nodiscard]] Result<TrainedModel> train(const TrainOrder &order,
                                             TrainMonitor &monitor) const override
    {
        if (order.initial)
            return fail(ErrorCode::InvalidInput,
                        "A search model is trained anew in seconds to minutes; use train");
        at::set_num_threads(order.threads);
        const bool isRows = !order.train.path.empty() && isLibsvm(order.train);
        return isRows ? trainOnRows(order, monitor) : trainOnText(order, monitor);
    }

    [[nodiscard]] Result<Evaluation> evaluate(const Package &package, const EvalOrder &order,
                                              TrainMonitor &monitor) const override
    {
        const auto start = monitor.clock().now();
        auto out = evaluateSearch(package, order, monitor);
        if (out)
            out->seconds = static_cast<double>((monitor.clock().now() - start).count()) / 1e6;
        return out;
    }

    [[nodiscard]] Result<Answered> answer(const Package &package, const AnswerOrder &order,
                                          TrainMonitor &monitor) const override
    {
        if (order.kind == Answer::Rank)
            return rankQueries(package, order, monitor);
        if (order.kind == Answer::Predict)
            return predictRows(package, order, monitor);
        return fail(ErrorCode::InvalidInput,
                    "A search model answers rank and predict; recommend needs the family mf or "
                    "sequence, forecast the family demand");
    }
};

} // namespace

const Family &searchFamily()
{
    static const SearchFamily family;
    return family;
}

} // namespace engine
