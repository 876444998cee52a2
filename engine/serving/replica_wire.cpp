#include "engine/serving/replica_wire.h"

#include <algorithm>
#include <fmt/format.h>

namespace engine {
namespace {

constexpr std::string_view kHistory = "history", kK = "k", kItems = "items", kScores = "scores";
constexpr std::string_view kInputs[] = {kHistory, kK};
constexpr std::string_view kOutputs[] = {kItems, kScores};

void addTensor(inference::ModelMetadataResponse::TensorMetadata &tensor, std::string_view name,
               std::string_view datatype, std::initializer_list<std::int64_t> shape)
{
    tensor.set_name(std::string(name));
    tensor.set_datatype(std::string(datatype));
    tensor.mutable_shape()->Add(shape.begin(), shape.end());
}

} // namespace

Result<RecommendRequest> readRecommend(const inference::ModelInferRequest &request)
{
    DR_RETURN_IF_ERROR(checkInputs(request, kInputs));
    DR_RETURN_IF_ERROR(checkOutputs(request, kOutputs));
    const auto history = int64Input(request, kHistory);
    if (!history)
        return tl::unexpected(history.error());
    const auto k = int32Input(request, kK);
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
    RecommendRequest out;
    out.k = k->values[0];
    const auto columns = static_cast<std::size_t>(history->shape[1]);
    for (std::size_t row = 0; row < static_cast<std::size_t>(history->shape[0]); ++row) {
        auto &items = out.histories.emplace_back();
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

void writeRecommend(const inference::ModelInferRequest &request, std::int32_t k,
                    const Scored &scored, inference::ModelInferResponse &reply)
{
    const auto width = static_cast<std::size_t>(k);
    std::vector<std::int64_t> items(scored.lists.size() * width, -1);
    std::vector<float> scores(items.size(), 0.0f);
    for (std::size_t row = 0; row < scored.lists.size(); ++row) {
        const auto at = static_cast<std::ptrdiff_t>(row * width);
        std::copy(scored.lists[row].items.begin(), scored.lists[row].items.end(),
                  items.begin() + at);
        std::copy(scored.lists[row].scores.begin(), scored.lists[row].scores.end(),
                  scores.begin() + at);
    }
    const std::int64_t shape[] = {static_cast<std::int64_t>(scored.lists.size()), k};
    const bool raw = request.raw_input_contents_size() > 0;
    reply.set_model_name(request.model_name());
    reply.set_model_version(scored.by->version());
    reply.set_id(request.id());
    auto &parameters = *reply.mutable_parameters();
    parameters["version"].set_string_param(scored.by->version());
    parameters["digest"].set_string_param(scored.by->digest());
    if (wantsOutput(request, kItems))
        addOutput(reply, raw, kItems, shape, std::span<const std::int64_t>(items));
    if (wantsOutput(request, kScores))
        addOutput(reply, raw, kScores, shape, std::span<const float>(scores));
}

void describeRecommend(const Scorer &scorer, inference::ModelMetadataResponse &reply)
{
    reply.add_versions(scorer.version());
    reply.set_platform("drillroom_" + scorer.family());
    addTensor(*reply.add_inputs(), kHistory, "INT64", {-1, -1});
    addTensor(*reply.add_inputs(), kK, "INT32", {1});
    addTensor(*reply.add_outputs(), kItems, "INT64", {-1, -1});
    addTensor(*reply.add_outputs(), kScores, "FP32", {-1, -1});
}

} // namespace engine
