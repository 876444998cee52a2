#include "engine/serving/gateway_wire.h"

#include "engine/serving/kserve_tensors.h"
#include "engine/serving/node_server.h"

#include <bit>
#include <cstring>
#include <fmt/format.h>

namespace engine {
namespace {

using inference::ModelInferRequest;
using inference::ModelInferResponse;
using Input = ModelInferRequest::InferInputTensor;

static_assert(std::endian::native == std::endian::little, "raw contents are little-endian");

constexpr std::int64_t kMostRows = 4096, kMostCells = 1 << 20;

constexpr std::string_view kInputs[] = {"history", "shopper", "h", "k"},
                           kOutputs[] = {"items", "scores"};

grpc::Status invalid(std::string message)
{
    return {grpc::StatusCode::INVALID_ARGUMENT, briefly(std::move(message))};
}

/// The values of one input, typed or raw, as 64-bit integers; false when it holds another type or
/// another number of values than its shape says.
bool integers(const ModelInferRequest &from, int index, std::vector<std::int64_t> &to)
{
    const auto &input = from.inputs(index);
    std::int64_t cells = 1;
    for (const auto side : input.shape()) {
        if (side < 0 || side > kMostCells || cells * side > kMostCells)
            return false;
        cells *= side;
    }
    const bool wide = input.datatype() == "INT64";
    if (!wide && input.datatype() != "INT32")
        return false;
    const auto count = static_cast<std::size_t>(cells);
    if (from.raw_input_contents_size() > 0) {
        if (index >= from.raw_input_contents_size())
            return false;
        const auto &bytes = from.raw_input_contents(index);
        if (bytes.size() != count * (wide ? 8 : 4))
            return false;
        to.resize(count);
        if (wide) {
            std::memcpy(to.data(), bytes.data(), bytes.size());
            return true;
        }
        for (std::size_t i = 0; i < count; ++i) {
            std::int32_t value = 0;
            std::memcpy(&value, bytes.data() + 4 * i, 4);
            to[i] = value;
        }
        return true;
    }
    const auto &contents = input.contents();
    if (wide)
        to.assign(contents.int64_contents().begin(), contents.int64_contents().end());
    else
        to.assign(contents.int_contents().begin(), contents.int_contents().end());
    return to.size() == count;
}

grpc::Status readParameters(const ModelInferRequest &from, GatewayRequest &to)
{
    if (const auto at = from.parameters().find("timeout"); at != from.parameters().end()) {
        const auto micros = at->second.int64_param();
        if (micros < 1)
            return invalid("Parameter \"timeout\" needs microseconds, 1 or more");
        // A day is as good as for ever, and cannot overflow.
        to.timeout = Micros{std::min<std::int64_t>(micros, 86'400'000'000)};
    }
    if (const auto at = from.parameters().find("priority"); at != from.parameters().end()) {
        const auto priority = priorityOf(at->second.string_param());
        if (!priority)
            return invalid(fmt::format("Parameter \"priority\" is \"{}\"; send search, "
                                       "recommendation or ads",
                                       at->second.string_param()));
        to.priority = *priority;
    }
    return grpc::Status::OK;
}

} // namespace

grpc::Status checkName(const std::string &model, const std::string &version, bool isServed)
{
    if (!isServed)
        return {grpc::StatusCode::NOT_FOUND,
                briefly(fmt::format("Model \"{}\" is not served here; ask for \"{}\"", model,
                                    kRecommend))};
    if (!version.empty())
        return {grpc::StatusCode::NOT_FOUND,
                briefly(fmt::format("Version \"{}\" cannot be asked for at the gateway, which "
                                    "chooses the one that serves; leave the version empty",
                                    version))};
    return grpc::Status::OK;
}

grpc::Status readApplication(const ModelInferRequest &from, GatewayRequest &to)
{
    if (auto named = checkName(from.model_name(), from.model_version(), true); !named.ok())
        return named;
    if (from.inputs_size() == 0)
        return invalid("The request has no inputs; ModelMetadata names them");
    to.application = from.model_name();
    to.rows = 1;
    if (to.application == "search")
        to.priority = Priority::Search;
    else if (to.application == "ads")
        to.priority = Priority::Ads;
    return readParameters(from, to);
}

grpc::Status readInfer(const ModelInferRequest &from, GatewayRequest &to)
{
    if (auto named =
            checkName(from.model_name(), from.model_version(), from.model_name() == kRecommend);
        !named.ok())
        return named;
    if (const auto inputs = checkInputs(from, kInputs); !inputs)
        return invalid(inputs.error().message);
    if (const auto outputs = checkOutputs(from, kOutputs); !outputs)
        return invalid(outputs.error().message);
    to.raw = from.raw_input_contents_size() > 0;
    bool hasHistory = false, hasShopper = false, hasH = false, hasK = false;
    std::vector<std::int64_t> values;
    for (int i = 0; i < from.inputs_size(); ++i) {
        const auto &input = from.inputs(i);
        if (!holdsOnly(input.contents(), input.datatype()))
            return invalid(fmt::format("Input \"{}\" holds values of another type than its "
                                       "datatype; send those alone",
                                       input.name()));
        if (!integers(from, i, values))
            return invalid(fmt::format("Input \"{}\" needs INT64 or INT32 values, as many as its "
                                       "shape says",
                                       input.name()));
        if (input.name() == "history") {
            if (input.shape_size() != 2 || input.shape(0) < 1 || input.shape(0) > kMostRows)
                return invalid("Input \"history\" needs the shape [rows, events], 1 to 4096 rows");
            to.rows = input.shape(0);
            to.columns = input.shape(1);
            to.history = values;
            hasHistory = true;
            continue;
        }
        if (input.shape_size() != 1 || input.shape(0) != 1)
            return invalid(fmt::format("Input \"{}\" needs the shape [1]", input.name()));
        const auto value = values.front();
        if (input.name() == "k") {
            if (value < 1 || value > kMostK)
                return invalid(fmt::format("Input \"k\" is {}; send 1 to {}", value, kMostK));
            to.k = static_cast<std::int32_t>(value);
            hasK = true;
        } else { // shopper or h
            if (value < 0 || value > std::int64_t{UINT32_MAX})
                return invalid(
                    fmt::format("Input \"{}\" is {}; send 0 or more", input.name(), value));
            (input.name() == "h" ? to.h : to.shopper) = static_cast<std::uint32_t>(value);
            (input.name() == "h" ? hasH : hasShopper) = true;
        }
    }
    if (!hasK || hasHistory == (hasShopper || hasH) || hasShopper != hasH)
        return invalid("Send the inputs history and k, or shopper, h and k");
    to.byShopper = hasShopper;
    if (to.byShopper)
        to.rows = 1;
    return readParameters(from, to);
}

void writeInfer(const GatewayRequest &from, std::string_view model, ModelInferRequest &to)
{
    to.set_model_name(model.data(), model.size());
    auto *history = to.add_inputs();
    history->set_name("history");
    history->set_datatype("INT64");
    // A history of nothing is one unknown item: a tensor of no columns is not.
    const auto columns = std::max<std::int64_t>(1, from.columns);
    history->add_shape(from.rows);
    history->add_shape(columns);
    auto *values = history->mutable_contents()->mutable_int64_contents();
    if (from.columns == 0)
        values->Resize(static_cast<int>(from.rows), -1);
    else
        values->Add(from.history.begin(), from.history.end());
    auto *k = to.add_inputs();
    k->set_name("k");
    k->set_datatype("INT32");
    k->add_shape(1);
    k->mutable_contents()->add_int_contents(from.k);
}

void writeLists(std::span<const std::int64_t> items, std::span<const float> scores,
                std::int64_t rows, std::int32_t k, ModelInferResponse &to)
{
    to.clear_outputs();
    to.clear_raw_output_contents();
    const std::int64_t shape[] = {rows, k};
    addOutput(to, false, "items", shape, items);
    addOutput(to, false, "scores", shape, scores);
}

bool isComplete(const ModelInferResponse &reply, std::int64_t rows, std::int32_t k)
{
    bool items = false, scores = false;
    for (const auto &output : reply.outputs()) {
        const auto cells = rows * k;
        if (output.name() == "items")
            items = output.contents().int64_contents_size() == cells;
        else if (output.name() == "scores")
            scores = output.contents().fp32_contents_size() == cells;
    }
    return items && scores;
}

void makeRaw(ModelInferResponse &reply)
{
    for (auto &output : *reply.mutable_outputs()) {
        const auto &contents = output.contents();
        auto &bytes = *reply.add_raw_output_contents();
        if (output.datatype() == "INT64")
            bytes.assign(reinterpret_cast<const char *>(contents.int64_contents().data()),
                         8 * static_cast<std::size_t>(contents.int64_contents_size()));
        else
            bytes.assign(reinterpret_cast<const char *>(contents.fp32_contents().data()),
                         4 * static_cast<std::size_t>(contents.fp32_contents_size()));
        output.clear_contents();
    }
}

void setText(ModelInferResponse &reply, const std::string &name, std::string value)
{
    (*reply.mutable_parameters())[name].set_string_param(std::move(value));
}

std::string textOf(const ModelInferResponse &reply, const std::string &name)
{
    const auto at = reply.parameters().find(name);
    return at == reply.parameters().end() ? std::string() : at->second.string_param();
}

std::optional<MonoTime> monoTime(gpr_timespec t)
{
    if (gpr_time_cmp(t, gpr_inf_future(t.clock_type)) == 0)
        return std::nullopt;
    const auto mono = gpr_convert_clock_type(t, GPR_CLOCK_MONOTONIC);
    if (mono.tv_sec > std::int64_t{1} << 40)
        return std::nullopt;
    return MonoTime{mono.tv_sec * 1'000'000 + mono.tv_nsec / 1000};
}

} // namespace engine
