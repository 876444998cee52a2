#include "engine/serving/inventory_model.h"

#include "engine/model/demand_history.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

namespace engine {
namespace {

constexpr std::string_view kSeries = "series", kStart = "start", kValues = "values",
                           kHorizon = "horizon", kLevels = "levels", kPlan = "plan.",
                           kQuantiles = "quantiles", kMean = "mean";
constexpr std::string_view kOutputs[] = {kQuantiles, kMean};
constexpr std::int32_t kMostHorizon = 1000;
constexpr std::size_t kMostLevels = 100, kMostValues = 100'000;

struct InventoryAnswer final : ServedAnswer
{
    std::vector<double> quantiles, mean;
    [[nodiscard]] bool isSound() const override
    {
        const auto finite = [](double value) { return std::isfinite(value); };
        return std::ranges::all_of(quantiles, finite) && std::ranges::all_of(mean, finite);
    }
};

class InventoryModel final : public ServedModel
{
public:
    explicit InventoryModel(std::unique_ptr<Forecaster> forecaster)
        : m_forecaster(std::move(forecaster))
    {
    }

    [[nodiscard]] std::string version() const override { return m_forecaster->version(); }
    [[nodiscard]] std::string digest() const override { return m_forecaster->digest(); }
    [[nodiscard]] std::string family() const override { return "demand"; }
    [[nodiscard]] std::string_view application() const override { return "inventory"; }
    void describe(inference::ModelMetadataResponse &to) const override
    {
        describeInventory(m_forecaster->columns(), to);
    }

    [[nodiscard]] Result<Question> read(const inference::ModelInferRequest &request) const override
    {
        auto question = readInventory(request);
        if (!question)
            return tl::unexpected(question.error());
        // Here, so that a wrong column is the caller's own fault and not its batch's.
        if (const auto history = seriesHistory(*m_forecaster, (*question)->query); !history)
            return tl::unexpected(history.error());
        return Question(std::move(*question));
    }

    [[nodiscard]] Result<Answers> answer(std::span<const Question> questions) const override
    {
        Answers out;
        for (const auto &each : questions) {
            const auto &question = static_cast<const InventoryQuestion &>(*each);
            const auto history = seriesHistory(*m_forecaster, question.query);
            if (!history)
                return tl::unexpected(history.error());
            const auto steps =
                m_forecaster->forecast(*history, question.query.horizon, question.levels);
            if (!steps)
                return tl::unexpected(steps.error());
            auto answer = std::make_unique<InventoryAnswer>();
            for (const auto &step : *steps) {
                answer->quantiles.insert(answer->quantiles.end(), step.quantiles.begin(),
                                         step.quantiles.end());
                answer->mean.push_back(step.mean);
            }
            out.push_back(std::move(answer));
        }
        return out;
    }

    void write(const inference::ModelInferRequest &request, const ServedQuestion &,
               const ServedAnswer &answer, inference::ModelInferResponse &to) const override
    {
        signReply(request, *this, to);
        const auto &said = static_cast<const InventoryAnswer &>(answer);
        writeInventory(request, said.quantiles, said.mean, to);
    }

    [[nodiscard]] Question example(std::size_t rows) const override
    {
        auto out = std::make_shared<InventoryQuestion>();
        constexpr int kHistory = 56;
        out->query.series = "warm-up";
        out->query.start = m_forecaster->timeText(0);
        for (int i = 0; i < kHistory; ++i)
            out->query.values.push_back(static_cast<float>(i % 7));
        out->query.horizon = static_cast<int>(rows);
        out->levels.assign(DemandRequest::kLevels.begin(), DemandRequest::kLevels.end());
        return out;
    }

    [[nodiscard]] std::string fault(const ServedQuestion &question,
                                    const ServedAnswer &answer) const override
    {
        const auto &said = static_cast<const InventoryAnswer &>(answer);
        const auto levels = static_cast<const InventoryQuestion &>(question).levels.size();
        if (said.mean.size() != question.rows()
            || said.quantiles.size() != question.rows() * levels)
            return "answers with the wrong number of quantiles";
        if (!said.isSound())
            return "gives quantiles that are not finite numbers";
        for (std::size_t i = 1; i < said.quantiles.size(); ++i)
            if (i % levels != 0 && said.quantiles[i] < said.quantiles[i - 1])
                return "gives quantiles that fall with their level";
        return {};
    }

    /// 1 less the mean relative difference of the means.
    [[nodiscard]] double agreement(const ServedAnswer &a, const ServedAnswer &b) const override
    {
        const auto &one = static_cast<const InventoryAnswer &>(a).mean;
        const auto &other = static_cast<const InventoryAnswer &>(b).mean;
        double apart = 0, all = 0;
        for (std::size_t i = 0; i < std::min(one.size(), other.size()); ++i) {
            apart += std::abs(one[i] - other[i]);
            all += std::abs(one[i]) + std::abs(other[i]);
        }
        return all > 0 ? 1 - apart / all : 1;
    }

private:
    std::unique_ptr<Forecaster> m_forecaster;
};

/// The one text of an input of the shape [1].
Result<std::string> oneText(const inference::ModelInferRequest &request, std::string_view name)
{
    auto texts = textInput(request, name);
    if (!texts)
        return tl::unexpected(texts.error());
    if (texts->values.size() != 1)
        return fail(ErrorCode::InvalidInput, fmt::format("Input \"{}\" must be one text", name));
    return std::move(texts->values.front());
}

Result<std::vector<float>> known(Result<TensorOf<float>> numbers, std::string_view name)
{
    if (!numbers)
        return tl::unexpected(numbers.error());
    if (numbers->shape.size() != 1 || numbers->values.size() > kMostValues)
        return fail(
            ErrorCode::InvalidInput,
            fmt::format("Input \"{}\" must have the shape [n] with n up to {}", name, kMostValues));
    if (std::ranges::any_of(numbers->values, [](float value) { return std::isinf(value); }))
        return fail(ErrorCode::InvalidInput,
                    fmt::format("Input \"{}\" holds infinity; NaN means not known", name));
    return std::move(numbers->values);
}

Result<> readPlan(const inference::ModelInferRequest &request, DemandQuery &to)
{
    for (const auto &input : request.inputs()) {
        if (!input.name().starts_with(kPlan))
            continue;
        const auto column = input.name().substr(kPlan.size());
        if (input.datatype() != "BYTES") {
            auto numbers = known(floatInput(request, input.name()), input.name());
            if (!numbers)
                return tl::unexpected(numbers.error());
            to.plan[column] = std::move(*numbers);
            continue;
        }
        auto texts = textInput(request, input.name());
        if (!texts)
            return tl::unexpected(texts.error());
        if (texts->shape.size() != 1 || texts->values.size() > kMostValues)
            return fail(ErrorCode::InvalidInput,
                        fmt::format("Input \"{}\" must have the shape [n] with n up to {}",
                                    input.name(), kMostValues));
        to.plan[column] = std::move(texts->values);
    }
    return {};
}

Result<> readLevels(const inference::ModelInferRequest &request, std::vector<double> &to)
{
    to.assign(DemandRequest::kLevels.begin(), DemandRequest::kLevels.end());
    if (!hasInput(request, kLevels))
        return {};
    auto levels = doubleInput(request, kLevels);
    if (!levels)
        return tl::unexpected(levels.error());
    to = std::move(levels->values);
    bool isGood = !to.empty() && to.size() <= kMostLevels && std::ranges::is_sorted(to);
    for (const auto level : to)
        isGood = isGood && level > 0 && level < 1;
    if (!isGood)
        return fail(ErrorCode::InvalidInput,
                    fmt::format("Input \"levels\" must be 1 to {} rising numbers between 0 and 1",
                                kMostLevels));
    return {};
}

} // namespace

std::uint64_t InventoryQuestion::bytes() const
{
    std::uint64_t cells = query.values.size();
    for (const auto &[name, column] : query.plan)
        cells += std::visit([](const auto &values) { return values.size(); }, column);
    return 2 * 16 * cells + 3 * 8 * rows() * (levels.size() + 1);
}

Result<std::shared_ptr<InventoryQuestion>>
readInventory(const inference::ModelInferRequest &request)
{
    std::vector<std::string_view> names{kSeries, kStart, kValues, kHorizon, kLevels};
    for (const auto &input : request.inputs())
        if (input.name().starts_with(kPlan) && input.name().size() > kPlan.size())
            names.push_back(input.name());
    DR_RETURN_IF_ERROR(checkInputs(request, names));
    DR_RETURN_IF_ERROR(checkOutputs(request, kOutputs));
    auto out = std::make_shared<InventoryQuestion>();
    auto series = oneText(request, kSeries);
    if (!series)
        return tl::unexpected(series.error());
    out->query.series = std::move(*series);
    auto start = oneText(request, kStart);
    if (!start)
        return tl::unexpected(start.error());
    out->query.start = std::move(*start);
    auto values = known(floatInput(request, kValues), kValues);
    if (!values)
        return tl::unexpected(values.error());
    out->query.values = std::move(*values);
    const auto horizon = int32Input(request, kHorizon);
    if (!horizon)
        return tl::unexpected(horizon.error());
    if (horizon->values.size() != 1 || horizon->values[0] < 1 || horizon->values[0] > kMostHorizon)
        return fail(ErrorCode::InvalidInput,
                    fmt::format("Input \"horizon\" must be one number from 1 to {}", kMostHorizon));
    out->query.horizon = horizon->values[0];
    DR_RETURN_IF_ERROR(readPlan(request, out->query));
    DR_RETURN_IF_ERROR(readLevels(request, out->levels));
    return out;
}

void writeInventory(const inference::ModelInferRequest &request, std::span<const double> quantiles,
                    std::span<const double> mean, inference::ModelInferResponse &to)
{
    const auto steps = static_cast<std::int64_t>(mean.size());
    const auto levels =
        static_cast<std::int64_t>(quantiles.size()) / std::max<std::int64_t>(1, steps);
    const std::int64_t all[] = {steps, levels}, one[] = {steps};
    const bool raw = request.raw_input_contents_size() > 0;
    if (wantsOutput(request, kQuantiles))
        addOutput(to, raw, kQuantiles, all, quantiles);
    if (wantsOutput(request, kMean))
        addOutput(to, raw, kMean, one, mean);
}

void askInventory(const DemandQuery &query, std::span<const double> levels,
                  inference::ModelInferRequest &to)
{
    to.set_model_name("inventory");
    addInput(to, kSeries, {1}, std::span<const std::string>(&query.series, 1));
    addInput(to, kStart, {1}, std::span<const std::string>(&query.start, 1));
    addInput(to, kValues, {static_cast<std::int64_t>(query.values.size())},
             std::span<const float>(query.values));
    const std::int32_t horizon = query.horizon;
    addInput(to, kHorizon, {1}, std::span<const std::int32_t>(&horizon, 1));
    addInput(to, kLevels, {static_cast<std::int64_t>(levels.size())}, levels);
    for (const auto &[name, column] : query.plan) {
        const auto input = std::string(kPlan) + name;
        std::visit(
            [&](const auto &values) {
                addInput(to, input, {static_cast<std::int64_t>(values.size())}, std::span(values));
            },
            column);
    }
}

void describeInventory(std::span<const ForecastColumn> columns,
                       inference::ModelMetadataResponse &to)
{
    describeTensor(*to.add_inputs(), kSeries, "BYTES", {1});
    describeTensor(*to.add_inputs(), kStart, "BYTES", {1});
    describeTensor(*to.add_inputs(), kValues, "FP32", {-1});
    describeTensor(*to.add_inputs(), kHorizon, "INT32", {1});
    describeTensor(*to.add_inputs(), kLevels, "FP64", {-1});
    for (const auto &column : columns)
        describeTensor(*to.add_inputs(), std::string(kPlan) + column.name,
                       column.isCategory ? "BYTES" : "FP32", {-1});
    describeTensor(*to.add_outputs(), kQuantiles, "FP64", {-1, -1});
    describeTensor(*to.add_outputs(), kMean, "FP64", {-1});
}

std::unique_ptr<ServedModel> inventoryModel(std::unique_ptr<Forecaster> forecaster)
{
    return std::make_unique<InventoryModel>(std::move(forecaster));
}

} // namespace engine
