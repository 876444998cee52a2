#include "engine/training/search/search_evaluation.h"

#include "engine/base/exact_math.h"
#include "engine/scoring/search_ranker.h"
#include "engine/training/search/click_model.h"
#include "engine/training/search/libsvm_reader.h"

#include <algorithm>
#include <array>
#include <set>

namespace engine {
namespace {

constexpr std::size_t kRecallAt = 100;

/// One value per query of each metric.
using Table = std::map<std::string, std::vector<double>>;

void summarise(const Table &table, Evaluation &out)
{
    for (const auto &[name, values] : table) {
        double sum = 0, squares = 0;
        for (const double x : values) {
            sum += x;
            squares += x * x;
        }
        const auto n = static_cast<double>(values.size());
        const double mean = sum / n;
        out.metrics[name] = mean;
        out.standardErrors[name] = exact::sqrt(std::max(0.0, squares / n - mean * mean) / n);
        const auto [low, high] = bootstrapInterval(values, 1);
        out.intervals[name] = {low, high};
    }
}

/// Adds one query's metrics, each under `prefix` and its name. `grades`: of the ranked products,
/// below 0 where nobody judged; `ideal`: all grades, falling.
void addQuery(const std::string &prefix, std::span<const float> grades,
              std::span<const float> ideal, Table &table)
{
    const double best = dcg(ideal, 10);
    std::vector<float> all, judged;
    double reciprocal = 0, found = 0;
    for (std::size_t i = 0; i < grades.size(); ++i) {
        all.push_back(std::max(0.0f, grades[i]));
        if (grades[i] >= 0)
            judged.push_back(grades[i]);
        if (grades[i] <= 0)
            continue;
        if (reciprocal == 0)
            reciprocal = 1 / static_cast<double>(i + 1);
        found += i < kRecallAt ? 1 : 0;
    }
    const auto relevant = static_cast<double>(
        std::count_if(ideal.begin(), ideal.end(), [](float g) { return g > 0; }));
    table[prefix + "ndcg@10"].push_back(dcg(all, 10) / best);
    table[prefix + "condensed ndcg@10"].push_back(dcg(judged, 10) / best);
    table[prefix + "mrr"].push_back(reciprocal);
    table[prefix + "recall@100"].push_back(found / relevant);
}

Result<Evaluation> judged(const Package &package, const EvalOrder &order, TrainMonitor &monitor)
{
    auto ranker = SearchRanker::open(package);
    if (!ranker)
        return tl::unexpected(ranker.error());
    const auto queries = readJudgments(order.test.path, order.test.columns, monitor);
    if (!queries)
        return tl::unexpected(queries.error());
    std::set<std::string> trained;
    if (order.train && !isLibsvm(*order.train)) {
        if (const auto known = readJudgments(order.train->path, order.train->columns, monitor)) {
            for (const auto &query : *known)
                trained.insert(query.text);
        }
    }
    Evaluation out;
    Table table;
    std::uint64_t unknown = 0, without = 0, seen = 0, done = 0;
    for (const auto &query : *queries) {
        if (monitor.stop().stop_requested())
            return fail(ErrorCode::Halted, "Stopped while judging");
        monitor.progress("judging queries",
                         static_cast<double>(done++) / static_cast<double>(queries->size()));
        std::vector<float> ideal;
        std::map<std::uint32_t, float> grades;
        for (const auto &[id, grade] : query.grades) {
            ideal.push_back(grade);
            if (const auto product = (*ranker)->index().product(id))
                grades[*product] = grade;
            else
                ++unknown;
        }
        std::sort(ideal.begin(), ideal.end(), std::greater<>());
        if (ideal.front() <= 0) {
            ++without;
            continue;
        }
        seen += trained.contains(query.text) ? 1 : 0;
        const auto context = (*ranker)->features().context(query.text);
        const auto gradesOf = [&](const std::vector<SearchRanker::Scored> &ranked) {
            std::vector<float> inOrder;
            for (const auto &[product, score] : ranked) {
                const auto grade = grades.find(product);
                inOrder.push_back(grade == grades.end() ? -1.0f : grade->second);
            }
            return inOrder;
        };
        addQuery("", gradesOf((*ranker)->ranked(context, false)), ideal, table);
        addQuery("bm25 ", gradesOf((*ranker)->ranked(context, true)), ideal, table);
        ++out.users;
    }
    if (out.users == 0)
        return fail(ErrorCode::InvalidInput, "No query has a product with a grade above 0",
                    order.test.path.string());
    summarise(table, out);
    out.metrics["p ndcg@10 over bm25"] =
        pairedBootstrap(table["ndcg@10"], table["bm25 ndcg@10"], 1);
    out.metrics["p condensed over bm25"] =
        pairedBootstrap(table["condensed ndcg@10"], table["bm25 condensed ndcg@10"], 1);
    out.counts["queries without a relevant product, left out"] = without;
    out.counts["judged products that the catalogue does not have"] = unknown;
    if (seen > 0) {
        out.counts["test queries that stand in train"] = seen;
        monitor.note(std::to_string(seen)
                     + " queries of the test stand in the training data, so "
                       "these figures flatter the model");
    }
    return out;
}

Result<Evaluation> rows(const Package &package, const EvalOrder &order)
{
    const auto model = RankerModel::open(package);
    if (!model)
        return tl::unexpected(model.error());
    std::uint64_t unknown = 0;
    const auto test = readLibsvm(order.test.path, model->features, unknown);
    if (!test)
        return tl::unexpected(test.error());
    Evaluation out;
    Table table;
    std::uint64_t without = 0;
    for (std::size_t q = 0; q < test->queries(); ++q) {
        std::vector<double> scores;
        for (auto i = test->starts[q]; i < test->starts[q + 1]; ++i)
            scores.push_back(model->score(test->row(i)));
        const auto grades = std::span(test->grades).subspan(test->starts[q], scores.size());
        without +=
            std::all_of(grades.begin(), grades.end(), [](float g) { return g <= 0; }) ? 1 : 0;
        for (const std::size_t k : {1u, 3u, 5u, 10u})
            table["ndcg@" + std::to_string(k)].push_back(ndcgOf(scores, grades, k, 1));
    }
    summarise(table, out);
    out.users = test->queries();
    out.counts["queries without a relevant document, counted as 1 as LightGBM does"] = without;
    out.counts["values of features unseen in training, left out"] = unknown;
    return out;
}

Result<Evaluation> clicks(const Package &package, const EvalOrder &order, TrainMonitor &monitor)
{
    const auto model = PositionModel::open(package);
    if (!model)
        return tl::unexpected(model.error());
    const auto test = readImpressions(order.test.path, order.test.columns, monitor);
    if (!test)
        return tl::unexpected(test.error());
    LogLoss loss;
    double clicked = 0;
    std::uint64_t unseen = 0;
    for (const auto &row : test->rows) {
        const auto &query = test->queries[row.query], &document = test->documents[row.document];
        loss.add(model->click(query, document, row.rank), row.isClicked);
        clicked += row.isClicked ? 1 : 0;
        unseen += model->attraction(query, document) ? 0 : 1;
    }
    Evaluation out;
    const auto n = static_cast<double>(test->rows.size());
    out.metrics["click log-loss"] = loss.mean();
    out.metrics["click rate"] = clicked / n;
    if (clicked > 0 && clicked < n) {
        const double rate = clicked / n;
        const double constant = -rate * exact::log(rate) - (1 - rate) * exact::log(1 - rate);
        out.metrics["normalised entropy"] = loss.mean() / constant;
    }
    out.users = test->rows.size();
    out.counts["impressions of pairs unseen in training"] = unseen;
    return out;
}

} // namespace

bool isLibsvm(const InputFile &file)
{
    if (!file.format.empty())
        return file.format == "libsvm";
    const auto ending = file.path.extension().string();
    std::error_code error;
    return ending == ".libsvm" || ending == ".svm" || ending == ".svmlight"
           || std::filesystem::exists(file.path.string() + ".query", error);
}

Result<Evaluation> evaluateSearch(const Package &package, const EvalOrder &order,
                                  TrainMonitor &monitor)
{
    if (isLibsvm(order.test))
        return rows(package, order);
    const auto kind = searchFileKind(order.test.path, order.test.columns);
    if (!kind)
        return tl::unexpected(kind.error());
    if (*kind == SearchFile::Products)
        return fail(ErrorCode::InvalidInput,
                    "This file has no column of queries; name it, for instance --columns "
                    "query=keyword",
                    order.test.path.string() + ":1");
    return *kind == SearchFile::Sessions ? clicks(package, order, monitor)
                                         : judged(package, order, monitor);
}

} // namespace engine
