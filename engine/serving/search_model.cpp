#include "engine/serving/search_model.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <set>

namespace engine {
namespace {

constexpr std::string_view kQuery = "query", kK = "k", kProducts = "products", kScores = "scores";
constexpr std::string_view kInputs[] = {kQuery, kK};
constexpr std::string_view kOutputs[] = {kProducts, kScores};
constexpr std::int64_t kMostQueries = 256;
constexpr std::int32_t kMostProducts = 1000;
constexpr std::size_t kLongestQuery = 4096, kCompared = 10;

struct SearchAnswer final : ServedAnswer
{
    std::vector<RankedProducts> lists;
    [[nodiscard]] bool isSound() const override
    {
        return std::ranges::all_of(lists, [](const RankedProducts &list) {
            return list.products.size() == list.scores.size()
                   && std::ranges::all_of(list.scores,
                                          [](float score) { return std::isfinite(score); });
        });
    }
};

class SearchModel final : public ServedModel
{
public:
    explicit SearchModel(std::unique_ptr<QueryRanker> ranker) : m_ranker(std::move(ranker)) {}

    [[nodiscard]] std::string version() const override { return m_ranker->version(); }
    [[nodiscard]] std::string digest() const override { return m_ranker->digest(); }
    [[nodiscard]] std::string family() const override { return m_ranker->family(); }
    [[nodiscard]] std::string_view application() const override { return "search"; }
    void describe(inference::ModelMetadataResponse &to) const override { describeSearch(to); }

    [[nodiscard]] Result<Question> read(const inference::ModelInferRequest &request) const override
    {
        auto question = readSearch(request);
        if (!question)
            return tl::unexpected(question.error());
        return Question(std::move(*question));
    }

    [[nodiscard]] Result<Answers> answer(std::span<const Question> questions) const override
    {
        Answers out;
        for (const auto &each : questions) {
            const auto &question = static_cast<const SearchQuestion &>(*each);
            auto lists = m_ranker->rank(question.queries, question.k);
            if (!lists)
                return tl::unexpected(lists.error());
            auto answer = std::make_unique<SearchAnswer>();
            answer->lists = std::move(*lists);
            out.push_back(std::move(answer));
        }
        return out;
    }

    void write(const inference::ModelInferRequest &request, const ServedQuestion &question,
               const ServedAnswer &answer, inference::ModelInferResponse &to) const override
    {
        signReply(request, *this, to);
        writeSearch(request, static_cast<const SearchQuestion &>(question).k,
                    static_cast<const SearchAnswer &>(answer).lists, to);
    }

    [[nodiscard]] Question example(std::size_t rows) const override
    {
        auto out = std::make_shared<SearchQuestion>();
        const auto ids = m_ranker->productIds();
        for (std::size_t row = 0; row < rows; ++row) // words of all kinds: known, unknown, none
            out->queries.push_back(row % 3 == 0 && !ids.empty() ? ids[row % ids.size()]
                                                                : "small red lamp");
        return out;
    }

    [[nodiscard]] std::string fault(const ServedQuestion &question,
                                    const ServedAnswer &answer) const override
    {
        const auto &lists = static_cast<const SearchAnswer &>(answer).lists;
        if (lists.size() != question.rows())
            return "answers with the wrong number of lists";
        if (!answer.isSound())
            return "gives scores that are not finite numbers";
        for (const auto &list : lists) {
            if (!std::ranges::is_sorted(list.scores, std::greater<>()))
                return "does not give the best product first";
            if (std::set(list.products.begin(), list.products.end()).size() != list.products.size())
                return "names a product twice in a list";
        }
        return {};
    }

    [[nodiscard]] double agreement(const ServedAnswer &a, const ServedAnswer &b) const override
    {
        const auto &one = static_cast<const SearchAnswer &>(a).lists;
        const auto &other = static_cast<const SearchAnswer &>(b).lists;
        double sum = 0;
        for (std::size_t i = 0; i < one.size(); ++i)
            sum += overlap(one[i].products, other[i].products);
        return one.empty() ? 1 : sum / static_cast<double>(one.size());
    }

private:
    static double overlap(const std::vector<std::string> &a, const std::vector<std::string> &b)
    {
        const auto count = std::min({a.size(), b.size(), kCompared});
        const auto first = [count](const std::vector<std::string> &list) {
            return std::set(list.begin(), list.begin() + static_cast<std::ptrdiff_t>(count));
        };
        const auto one = first(a), other = first(b);
        const auto both =
            std::ranges::count_if(one, [&](const auto &id) { return other.contains(id); });
        return count == 0 ? 1 : static_cast<double>(both) / static_cast<double>(count);
    }
    std::unique_ptr<QueryRanker> m_ranker;
};

} // namespace

/// A product's id and score as a list, as a message, and as bytes on the wire.
std::uint64_t SearchQuestion::bytes() const
{
    constexpr std::uint64_t kId = 48;
    return 3 * kId * queries.size() * static_cast<std::uint64_t>(k);
}

Result<std::shared_ptr<SearchQuestion>> readSearch(const inference::ModelInferRequest &request)
{
    DR_RETURN_IF_ERROR(checkInputs(request, kInputs));
    DR_RETURN_IF_ERROR(checkOutputs(request, kOutputs));
    auto queries = textInput(request, kQuery);
    if (!queries)
        return tl::unexpected(queries.error());
    const auto k = int32Input(request, kK);
    if (!k)
        return tl::unexpected(k.error());
    if (queries->shape.size() != 1 || queries->shape[0] < 1 || queries->shape[0] > kMostQueries)
        return fail(ErrorCode::InvalidInput,
                    fmt::format("Input \"query\" must have the shape [b] with b from 1 to {}",
                                kMostQueries));
    for (const auto &query : queries->values)
        if (query.size() > kLongestQuery)
            return fail(ErrorCode::InvalidInput,
                        fmt::format("Input \"query\" holds a text of {} bytes; send {} at most",
                                    query.size(), kLongestQuery));
    if (k->shape != std::vector<std::int64_t>{1} || k->values[0] < 1
        || k->values[0] > kMostProducts)
        return fail(ErrorCode::InvalidInput,
                    fmt::format("Input \"k\" must be one number from 1 to {} in the shape [1]",
                                kMostProducts));
    auto out = std::make_shared<SearchQuestion>();
    out->queries = std::move(queries->values);
    out->k = k->values[0];
    return out;
}

void writeSearch(const inference::ModelInferRequest &request, std::int32_t k,
                 std::span<const RankedProducts> lists, inference::ModelInferResponse &to)
{
    const auto width = static_cast<std::size_t>(k);
    std::vector<std::string> products(lists.size() * width);
    std::vector<float> scores(products.size(), 0.0f);
    for (std::size_t row = 0; row < lists.size(); ++row) {
        const auto at = static_cast<std::ptrdiff_t>(row * width);
        std::copy(lists[row].products.begin(), lists[row].products.end(), products.begin() + at);
        std::copy(lists[row].scores.begin(), lists[row].scores.end(), scores.begin() + at);
    }
    const std::int64_t shape[] = {static_cast<std::int64_t>(lists.size()), k};
    const bool raw = request.raw_input_contents_size() > 0;
    if (wantsOutput(request, kProducts))
        addOutput(to, raw, kProducts, shape, std::span<const std::string>(products));
    if (wantsOutput(request, kScores))
        addOutput(to, raw, kScores, shape, std::span<const float>(scores));
}

void askSearch(const std::string &query, std::int32_t k, inference::ModelInferRequest &to)
{
    to.set_model_name("search");
    addInput(to, kQuery, {1}, std::span<const std::string>(&query, 1));
    addInput(to, kK, {1}, std::span<const std::int32_t>(&k, 1));
}

void describeSearch(inference::ModelMetadataResponse &to)
{
    describeTensor(*to.add_inputs(), kQuery, "BYTES", {-1});
    describeTensor(*to.add_inputs(), kK, "INT32", {1});
    describeTensor(*to.add_outputs(), kProducts, "BYTES", {-1, -1});
    describeTensor(*to.add_outputs(), kScores, "FP32", {-1, -1});
}

std::unique_ptr<ServedModel> searchModel(std::unique_ptr<QueryRanker> ranker)
{
    return std::make_unique<SearchModel>(std::move(ranker));
}

} // namespace engine
