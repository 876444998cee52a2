#include "engine/serving/ads_model.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace engine {
namespace {

constexpr std::string_view kScore = "score";
constexpr std::string_view kOutputs[] = {kScore};
constexpr std::int64_t kMostRows = 1024;
constexpr int kMostColumns = 1024;

struct AdsAnswer final : ServedAnswer
{
    std::vector<float> scores;
    [[nodiscard]] bool isSound() const override
    {
        return std::ranges::all_of(scores, [](float score) { return std::isfinite(score); });
    }
};

class AdsModel final : public ServedModel
{
public:
    explicit AdsModel(std::unique_ptr<RowScorer> scorer) : m_scorer(std::move(scorer)) {}

    [[nodiscard]] std::string version() const override { return m_scorer->version(); }
    [[nodiscard]] std::string digest() const override { return m_scorer->digest(); }
    [[nodiscard]] std::string family() const override { return m_scorer->family(); }
    [[nodiscard]] std::string_view application() const override { return "ads"; }
    void describe(inference::ModelMetadataResponse &to) const override
    {
        describeAds(m_scorer->columns(), to);
    }

    [[nodiscard]] Result<Question> read(const inference::ModelInferRequest &request) const override
    {
        auto question = readAds(request);
        if (!question)
            return tl::unexpected(question.error());
        const auto &known = m_scorer->columns();
        for (const auto &column : (*question)->columns)
            if (std::ranges::find(known, column) == known.end())
                return fail(ErrorCode::InvalidInput,
                            fmt::format("Input \"{}\" is unknown; this model takes {}", column,
                                        fmt::join(known, ", ")));
        for (const auto &column : known)
            if (std::ranges::find((*question)->columns, column) == (*question)->columns.end())
                return fail(ErrorCode::InvalidInput,
                            fmt::format("Input \"{}\" is missing; send it as BYTES, \"\" where a "
                                        "value is not known",
                                        column));
        return Question(std::move(*question));
    }

    [[nodiscard]] Result<Answers> answer(std::span<const Question> questions) const override
    {
        std::vector<std::vector<std::string>> rows;
        for (const auto &each : questions)
            append(static_cast<const AdsQuestion &>(*each), rows);
        const auto predicted = m_scorer->predict(rows);
        if (!predicted)
            return tl::unexpected(predicted.error());
        if (predicted->probabilities.size() != rows.size())
            return fail(ErrorCode::Internal, "The model answers with the wrong number of scores");
        Answers out;
        auto next = predicted->probabilities.begin();
        for (const auto &each : questions) {
            auto answer = std::make_unique<AdsAnswer>();
            for (std::size_t i = 0; i < each->rows(); ++i)
                answer->scores.push_back(static_cast<float>(*next++));
            out.push_back(std::move(answer));
        }
        return out;
    }

    void write(const inference::ModelInferRequest &request, const ServedQuestion &,
               const ServedAnswer &answer, inference::ModelInferResponse &to) const override
    {
        signReply(request, *this, to);
        writeAds(request, static_cast<const AdsAnswer &>(answer).scores, to);
    }

    [[nodiscard]] Question example(std::size_t rows) const override
    {
        auto out = std::make_shared<AdsQuestion>();
        out->columns = m_scorer->columns();
        out->rowTexts.assign(rows, std::vector<std::string>(out->columns.size()));
        return out;
    }

    [[nodiscard]] std::string fault(const ServedQuestion &question,
                                    const ServedAnswer &answer) const override
    {
        const auto &scores = static_cast<const AdsAnswer &>(answer).scores;
        if (scores.size() != question.rows())
            return "answers with the wrong number of scores";
        const bool isProbability =
            std::ranges::all_of(scores, [](float score) { return score >= 0 && score <= 1; });
        return isProbability ? "" : "gives scores that are no probabilities";
    }

    /// The share of pairs of rows that both put in the same order.
    [[nodiscard]] double agreement(const ServedAnswer &a, const ServedAnswer &b) const override
    {
        const auto &one = static_cast<const AdsAnswer &>(a).scores;
        const auto &other = static_cast<const AdsAnswer &>(b).scores;
        std::uint64_t pairs = 0, same = 0;
        for (std::size_t i = 0; i < one.size(); ++i)
            for (std::size_t j = 0; j < i; ++j) {
                ++pairs;
                same += (one[i] < one[j]) == (other[i] < other[j]);
            }
        return pairs > 0 ? static_cast<double>(same) / static_cast<double>(pairs) : 1;
    }

private:
    /// In this model's order of columns: the question may have been read by the one before.
    void append(const AdsQuestion &question, std::vector<std::vector<std::string>> &rows) const
    {
        const auto &columns = m_scorer->columns();
        std::vector<std::size_t> from;
        for (const auto &column : columns)
            from.push_back(static_cast<std::size_t>(std::ranges::find(question.columns, column)
                                                    - question.columns.begin()));
        for (const auto &texts : question.rowTexts) {
            auto &row = rows.emplace_back();
            for (const auto at : from)
                row.push_back(at < texts.size() ? texts[at] : "");
        }
    }
    std::unique_ptr<RowScorer> m_scorer;
};

} // namespace

std::uint64_t AdsQuestion::bytes() const
{
    constexpr std::uint64_t kField = 48;
    return 3 * kField * rowTexts.size() * std::max<std::size_t>(columns.size(), 1);
}

Result<std::shared_ptr<AdsQuestion>> readAds(const inference::ModelInferRequest &request)
{
    DR_RETURN_IF_ERROR(checkOutputs(request, kOutputs));
    if (request.inputs_size() < 1 || request.inputs_size() > kMostColumns)
        return fail(ErrorCode::InvalidInput,
                    "Send one input per column of the model; ModelMetadata names them");
    auto out = std::make_shared<AdsQuestion>();
    for (const auto &input : request.inputs())
        out->columns.push_back(input.name());
    std::vector<std::string_view> names(out->columns.begin(), out->columns.end());
    DR_RETURN_IF_ERROR(checkInputs(request, names)); // none twice
    for (const auto &column : out->columns) {
        auto texts = textInput(request, column);
        if (!texts)
            return tl::unexpected(texts.error());
        if (texts->shape.size() != 1 || texts->shape[0] < 1 || texts->shape[0] > kMostRows)
            return fail(ErrorCode::InvalidInput,
                        fmt::format("Input \"{}\" must have the shape [b] with b from 1 to {}",
                                    column, kMostRows));
        if (out->rowTexts.empty())
            out->rowTexts.resize(texts->values.size());
        if (texts->values.size() != out->rowTexts.size())
            return fail(ErrorCode::InvalidInput,
                        fmt::format("Input \"{}\" has {} rows, but \"{}\" has {}; send as many of "
                                    "each column",
                                    column, texts->values.size(), out->columns.front(),
                                    out->rowTexts.size()));
        for (std::size_t row = 0; row < out->rowTexts.size(); ++row)
            out->rowTexts[row].push_back(std::move(texts->values[row]));
    }
    return out;
}

void writeAds(const inference::ModelInferRequest &request, std::span<const float> scores,
              inference::ModelInferResponse &to)
{
    const std::int64_t shape[] = {static_cast<std::int64_t>(scores.size())};
    addOutput(to, request.raw_input_contents_size() > 0, kScore, shape, scores);
}

void askAds(std::span<const std::string> columns, std::span<const std::vector<std::string>> rows,
            inference::ModelInferRequest &to)
{
    to.set_model_name("ads");
    for (std::size_t c = 0; c < columns.size(); ++c) {
        std::vector<std::string> texts;
        for (const auto &row : rows)
            texts.push_back(row[c]);
        addInput(to, columns[c], {static_cast<std::int64_t>(texts.size())},
                 std::span<const std::string>(texts));
    }
}

void describeAds(std::span<const std::string> columns, inference::ModelMetadataResponse &to)
{
    for (const auto &column : columns)
        describeTensor(*to.add_inputs(), column, "BYTES", {-1});
    describeTensor(*to.add_outputs(), kScore, "FP32", {-1});
}

std::unique_ptr<ServedModel> adsModel(std::unique_ptr<RowScorer> scorer)
{
    return std::make_unique<AdsModel>(std::move(scorer));
}

} // namespace engine
