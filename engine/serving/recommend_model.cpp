#include "engine/serving/recommend_model.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <set>

namespace engine {
namespace {

constexpr std::string_view kHistory = "history", kK = "k", kItems = "items", kScores = "scores";
constexpr std::string_view kInputs[] = {kHistory, kK};
constexpr std::string_view kOutputs[] = {kItems, kScores};
constexpr int kWarmK = 10, kShadowK = 20;
constexpr std::size_t kCompared = 10;

Result<std::shared_ptr<RecommendQuestion>> readRecommend(const inference::ModelInferRequest &from)
{
    DR_RETURN_IF_ERROR(checkInputs(from, kInputs));
    DR_RETURN_IF_ERROR(checkOutputs(from, kOutputs));
    const auto history = int64Input(from, kHistory);
    if (!history)
        return tl::unexpected(history.error());
    const auto k = int32Input(from, kK);
    if (!k)
        return tl::unexpected(k.error());
    if (history->shape.size() != 2 || history->shape[0] < 1 || history->shape[0] > kMostRequestRows)
        return fail(ErrorCode::InvalidInput,
                    fmt::format("Input \"history\" must have the shape [b, n] with b from 1 to {}",
                                kMostRequestRows));
    if (k->shape != std::vector<std::int64_t>{1} || k->values[0] < 1
        || k->values[0] > kMostItemsAsked)
        return fail(ErrorCode::InvalidInput,
                    fmt::format("Input \"k\" must be one number from 1 to {} in the shape [1]",
                                kMostItemsAsked));
    auto out = std::make_shared<RecommendQuestion>();
    out->k = k->values[0];
    const auto columns = static_cast<std::size_t>(history->shape[1]);
    for (std::size_t row = 0; row < static_cast<std::size_t>(history->shape[0]); ++row) {
        auto &items = out->histories.emplace_back();
        items.reserve(columns);
        for (std::size_t column = 0; column < columns; ++column) {
            const auto item = history->values[row * columns + column];
            if (item < -1)
                return fail(ErrorCode::InvalidInput,
                            fmt::format("Input \"history\" holds {} in row {}; items are numbered "
                                        "from 0 and -1 is padding",
                                        item, row));
            if (item >= 0)
                items.push_back(item);
        }
    }
    return out;
}

double overlapOf(const TopItems &a, const TopItems &b)
{
    const auto count = std::min({a.items.size(), b.items.size(), kCompared});
    if (count == 0)
        return 1;
    const auto first = [count](const TopItems &list) {
        return std::set(list.items.begin(),
                        list.items.begin() + static_cast<std::ptrdiff_t>(count));
    };
    const auto one = first(a), other = first(b);
    const auto both =
        std::ranges::count_if(one, [&](std::int64_t item) { return other.contains(item); });
    return static_cast<double>(both) / static_cast<double>(count);
}

class RecommendModel final : public ServedModel
{
public:
    explicit RecommendModel(std::shared_ptr<const Scorer> scorer) : m_scorer(std::move(scorer)) {}

    [[nodiscard]] std::string version() const override { return m_scorer->version(); }
    [[nodiscard]] std::string digest() const override { return m_scorer->digest(); }
    [[nodiscard]] std::string family() const override { return m_scorer->family(); }
    [[nodiscard]] std::string_view application() const override { return "recommend"; }

    void describe(inference::ModelMetadataResponse &to) const override
    {
        describeTensor(*to.add_inputs(), kHistory, "INT64", {-1, -1});
        describeTensor(*to.add_inputs(), kK, "INT32", {1});
        describeTensor(*to.add_outputs(), kItems, "INT64", {-1, -1});
        describeTensor(*to.add_outputs(), kScores, "FP32", {-1, -1});
    }

    [[nodiscard]] Result<Question> read(const inference::ModelInferRequest &request) const override
    {
        auto question = readRecommend(request);
        if (!question)
            return tl::unexpected(question.error());
        return Question(std::move(*question));
    }

    [[nodiscard]] Result<Answers> answer(std::span<const Question> questions) const override
    {
        // The first k of a longer list are the list of length k, so one k serves the whole batch.
        int k = 1;
        std::vector<std::vector<std::int64_t>> histories;
        for (const auto &each : questions) {
            const auto &question = static_cast<const RecommendQuestion &>(*each);
            k = std::max(k, question.k);
            histories.insert(histories.end(), question.histories.begin(), question.histories.end());
        }
        auto lists = m_scorer->score(histories, k);
        if (!lists)
            return tl::unexpected(lists.error());
        if (lists->size() != histories.size())
            return fail(ErrorCode::Internal, "The model answers with the wrong number of lists");
        Answers out;
        auto next = lists->begin();
        for (const auto &each : questions) {
            const auto &question = static_cast<const RecommendQuestion &>(*each);
            auto answer = std::make_unique<RecommendAnswer>();
            for (std::size_t i = 0; i < question.histories.size(); ++i, ++next) {
                const auto most = static_cast<std::size_t>(question.k);
                if (next->items.size() > most && next->scores.size() > most) {
                    next->items.resize(most);
                    next->scores.resize(most);
                }
                answer->lists.push_back(std::move(*next));
            }
            out.push_back(std::move(answer));
        }
        return out;
    }

    void write(const inference::ModelInferRequest &request, const ServedQuestion &question,
               const ServedAnswer &answer, inference::ModelInferResponse &to) const override
    {
        const auto &lists = static_cast<const RecommendAnswer &>(answer).lists;
        const auto k = static_cast<const RecommendQuestion &>(question).k;
        const auto width = static_cast<std::size_t>(k);
        std::vector<std::int64_t> items(lists.size() * width, -1);
        std::vector<float> scores(items.size(), 0.0f);
        for (std::size_t row = 0; row < lists.size(); ++row) {
            const auto at = static_cast<std::ptrdiff_t>(row * width);
            std::copy(lists[row].items.begin(), lists[row].items.end(), items.begin() + at);
            std::copy(lists[row].scores.begin(), lists[row].scores.end(), scores.begin() + at);
        }
        const std::int64_t shape[] = {static_cast<std::int64_t>(lists.size()), k};
        const bool raw = request.raw_input_contents_size() > 0;
        signReply(request, *this, to);
        if (wantsOutput(request, kItems))
            addOutput(to, raw, kItems, shape, std::span<const std::int64_t>(items));
        if (wantsOutput(request, kScores))
            addOutput(to, raw, kScores, shape, std::span<const float>(scores));
    }

    [[nodiscard]] Question example(std::size_t rows) const override
    {
        constexpr std::int64_t kHistoryLength = 20;
        const auto items = std::max<std::int64_t>(m_scorer->items(), 1);
        auto out = std::make_shared<RecommendQuestion>();
        out->k = kWarmK;
        for (std::size_t row = 0; row < rows; ++row) {
            auto &history = out->histories.emplace_back();
            for (std::int64_t i = 0; i < kHistoryLength; ++i)
                history.push_back((static_cast<std::int64_t>(row) * 7 + i) % items);
        }
        return out;
    }

    [[nodiscard]] Question sample(const Question &question) const override
    {
        auto out = std::make_shared<RecommendQuestion>();
        out->k = kShadowK;
        out->histories = {static_cast<const RecommendQuestion &>(*question).histories.front()};
        return out;
    }

    [[nodiscard]] std::string fault(const ServedQuestion &question,
                                    const ServedAnswer &answer) const override
    {
        const auto &lists = static_cast<const RecommendAnswer &>(answer).lists;
        if (lists.size() != question.rows())
            return "answers with the wrong number of lists";
        for (const auto &list : lists) {
            if (list.items.size() != list.scores.size())
                return "names more items than scores";
            for (const auto score : list.scores)
                if (!std::isfinite(score))
                    return "gives scores that are not finite numbers";
            for (const auto item : list.items)
                if (item < 0 || item >= static_cast<std::int64_t>(m_scorer->items()))
                    return "names items that the shop does not have";
            if (std::set(list.items.begin(), list.items.end()).size() != list.items.size())
                return "names an item twice in a list";
        }
        return {};
    }

    [[nodiscard]] double agreement(const ServedAnswer &a, const ServedAnswer &b) const override
    {
        const auto &one = static_cast<const RecommendAnswer &>(a).lists;
        const auto &other = static_cast<const RecommendAnswer &>(b).lists;
        return overlapOf(one.front(), other.front());
    }

private:
    std::shared_ptr<const Scorer> m_scorer;
};

} // namespace

/// Of an item and its score as a list, as a message, and as bytes on the wire; of the history once
/// more for the batch.
std::uint64_t RecommendQuestion::bytes() const
{
    std::uint64_t events = 0;
    for (const auto &history : histories)
        events += history.size();
    const auto cells = histories.size() * static_cast<std::uint64_t>(k);
    return 3 * 12 * cells + 2 * 8 * events;
}

bool RecommendAnswer::isSound() const
{
    return std::ranges::all_of(lists, [](const TopItems &list) {
        return list.items.size() == list.scores.size()
               && std::ranges::all_of(list.scores,
                                      [](float score) { return std::isfinite(score); });
    });
}

std::shared_ptr<const ServedModel> recommendModel(std::shared_ptr<const Scorer> scorer)
{
    return std::make_shared<RecommendModel>(std::move(scorer));
}

std::unique_ptr<ServedModel> recommendModel(std::unique_ptr<Scorer> scorer)
{
    return std::make_unique<RecommendModel>(std::shared_ptr<const Scorer>(std::move(scorer)));
}

} // namespace engine
