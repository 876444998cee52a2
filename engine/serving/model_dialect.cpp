#include "engine/serving/model_dialect.h"

#include "engine/serving/gateway_wire.h"

#include <cstring>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace engine {
namespace {

using inference::ModelInferRequest;
using inference::ModelInferResponse;
using Tensor = inference::ModelMetadataResponse::TensorMetadata;

bool isWhole(const std::string &type)
{
    return type == "INT64" || type == "INT32";
}

bool isReal(const std::string &type)
{
    return type == "FP32" || type == "FP64";
}

TensorName nameOf(const Tensor &tensor)
{
    return {tensor.name(), tensor.datatype()};
}

void put(ModelInferRequest::InferInputTensor &tensor, const TensorName &as, std::int64_t value)
{
    if (as.type == "INT32")
        tensor.mutable_contents()->add_int_contents(static_cast<std::int32_t>(value));
    else
        tensor.mutable_contents()->add_int64_contents(value);
}

/// The numbers of one output, raw or typed; false for another type.
template <class T>
bool numbers(const ModelInferResponse &reply, int index, std::vector<T> &out)
{
    const auto &output = reply.outputs(index);
    const auto &type = output.datatype();
    const auto take = [&](auto of, const auto &typed) {
        using From = decltype(of);
        if (index >= reply.raw_output_contents_size()) {
            out.assign(typed.begin(), typed.end());
            return true;
        }
        const auto &bytes = reply.raw_output_contents(index);
        if (bytes.size() % sizeof(From) != 0)
            return false;
        std::vector<From> values(bytes.size() / sizeof(From));
        std::memcpy(values.data(), bytes.data(), bytes.size());
        out.assign(values.begin(), values.end());
        return true;
    };
    const auto &contents = output.contents();
    if (type == "INT64")
        return take(std::int64_t{}, contents.int64_contents());
    if (type == "INT32")
        return take(std::int32_t{}, contents.int_contents());
    if constexpr (std::is_floating_point_v<T>) {
        if (type == "FP32")
            return take(float{}, contents.fp32_contents());
        if (type == "FP64")
            return take(double{}, contents.fp64_contents());
    }
    return false;
}

int find(const ModelInferResponse &reply, const std::string &name)
{
    for (int i = 0; i < reply.outputs_size(); ++i)
        if (reply.outputs(i).name() == name)
            return i;
    return -1;
}

} // namespace

Result<ModelDialect> dialectOf(const inference::ModelMetadataResponse &metadata)
{
    ModelDialect out;
    out.model = metadata.name();
    const auto lacks = [&](const char *what) {
        return fail(ErrorCode::InvalidInput,
                    fmt::format("The model \"{}\" cannot recommend: {}", metadata.name(), what));
    };
    const Tensor *history = nullptr, *k = nullptr;
    for (const auto &input : metadata.inputs()) {
        if (!isWhole(input.datatype()))
            return lacks("it has an input that is no tensor of INT64 or INT32; its inputs must be "
                         "the items of a history and, where it takes one, k");
        // A history has a dimension of events; k has one number.
        const bool isList = input.shape_size() == 2 && input.shape(1) != 1;
        if (isList && history == nullptr)
            history = &input;
        else if (!isList && k == nullptr)
            k = &input;
        else
            return lacks("more than one input could be the history, or k");
    }
    if (history == nullptr)
        std::swap(history, k); // one flat list of items is a history, too
    if (history == nullptr)
        return lacks("it takes no items");
    const Tensor *items = nullptr, *scores = nullptr;
    for (const auto &output : metadata.outputs()) {
        if (items == nullptr && isWhole(output.datatype()))
            items = &output;
        if (scores == nullptr && isReal(output.datatype()))
            scores = &output;
    }
    if (items == nullptr)
        return lacks("none of its outputs is a tensor of INT64 or INT32, the items");
    out.history = nameOf(*history);
    out.k = k ? nameOf(*k) : TensorName{};
    out.items = nameOf(*items);
    out.scores = scores ? nameOf(*scores) : TensorName{};
    return out;
}

void writeInfer(const GatewayRequest &from, const ModelDialect &dialect, ModelInferRequest &to)
{
    to.set_model_name(dialect.model);
    auto *history = to.add_inputs();
    history->set_name(dialect.history.name);
    history->set_datatype(dialect.history.type);
    // A history of nothing is one unknown item: a tensor of no columns is not.
    history->add_shape(from.rows);
    history->add_shape(std::max<std::int64_t>(1, from.columns));
    for (std::int64_t row = 0; row < from.rows && from.columns == 0; ++row)
        put(*history, dialect.history, -1);
    if (from.columns > 0)
        for (const auto item : from.history)
            put(*history, dialect.history, item);
    if (dialect.k.name.empty())
        return;
    auto *k = to.add_inputs();
    k->set_name(dialect.k.name);
    k->set_datatype(dialect.k.type);
    k->add_shape(1);
    put(*k, dialect.k, from.k);
}

bool takeAnswer(const ModelDialect &dialect, std::int64_t rows, std::int32_t k,
                ModelInferResponse &reply)
{
    const int at = find(reply, dialect.items.name);
    std::vector<std::int64_t> items;
    if (at < 0 || !numbers(reply, at, items) || rows < 1)
        return false;
    const auto height = static_cast<std::size_t>(rows), want = static_cast<std::size_t>(k);
    const auto width = items.size() / height;
    if (items.size() % height != 0 || width < want)
        return false;
    std::vector<float> scores;
    if (const int from = dialect.scores.name.empty() ? -1 : find(reply, dialect.scores.name);
        from >= 0 && (!numbers(reply, from, scores) || scores.size() != items.size()))
        return false;
    std::vector<std::int64_t> bestItems;
    std::vector<float> bestScores;
    for (std::size_t row = 0; row < height; ++row)
        for (std::size_t rank = 0; rank < want; ++rank) {
            bestItems.push_back(items[row * width + rank]);
            bestScores.push_back(scores.empty() ? -static_cast<float>(rank)
                                                : scores[row * width + rank]);
        }
    const auto version =
        reply.model_version().empty() ? textOf(reply, "version") : reply.model_version();
    if (textOf(reply, "version").empty())
        setText(reply, "version", version);
    if (textOf(reply, "digest").empty())
        setText(reply, "digest", dialect.model + "/" + version);
    writeLists(bestItems, bestScores, rows, k, reply);
    return true;
}

nlohmann::json toJson(const ModelDialect &dialect)
{
    const auto tensor = [](const TensorName &of) {
        return nlohmann::json{{"name", of.name}, {"type", of.type}};
    };
    return {{"model", dialect.model},           {"history", tensor(dialect.history)},
            {"k", tensor(dialect.k)},           {"items", tensor(dialect.items)},
            {"scores", tensor(dialect.scores)}, {"asks_server_ready", dialect.asksServerReady}};
}

Result<ModelDialect> dialectFrom(const nlohmann::json &json)
{
    ModelDialect out;
    const auto wrong = [](const std::string &field) {
        return fail(ErrorCode::InvalidInput,
                    "The dialect's \"" + field + "\" is missing or of another type");
    };
    const auto text = [](const nlohmann::json &from, const char *name, std::string &to) {
        const auto at = from.is_object() ? from.find(name) : from.end();
        if (!from.is_object() || at == from.end() || !at->is_string())
            return false;
        to = at->get<std::string>();
        return true;
    };
    if (!text(json, "model", out.model))
        return wrong("model");
    for (const auto &[name, to, mayLack] :
         {std::tuple{"history", &out.history, false}, std::tuple{"k", &out.k, true},
          std::tuple{"items", &out.items, false}, std::tuple{"scores", &out.scores, true}}) {
        if (!json.contains(name) || !text(json.at(name), "name", to->name)
            || !text(json.at(name), "type", to->type))
            return wrong(name);
        if (to->name.empty() ? !mayLack : !isWhole(to->type) && !isReal(to->type))
            return wrong(name);
    }
    if (!json.contains("asks_server_ready") || !json.at("asks_server_ready").is_boolean())
        return wrong("asks_server_ready");
    out.asksServerReady = json.at("asks_server_ready").get<bool>();
    return out;
}

} // namespace engine
