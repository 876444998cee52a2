#include "engine/serving/kserve_tensors.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <optional>

namespace engine {
namespace {

static_assert(std::endian::native == std::endian::little, "raw tensors are little-endian");

constexpr std::int64_t kMostValues = 1 << 20;

tl::unexpected<Error> wrong(std::string_view name, std::string_view what)
{
    return fail(ErrorCode::InvalidInput, fmt::format("Input \"{}\" {}", name, what));
}

/// The product of the shape, or nothing when it is negative or beyond what we take.
std::optional<std::int64_t> valuesOf(const google::protobuf::RepeatedField<std::int64_t> &shape)
{
    std::int64_t count = 1;
    for (const auto size : shape) {
        if (size < 0 || size > kMostValues)
            return std::nullopt;
        count *= size;
        if (count > kMostValues)
            return std::nullopt;
    }
    return count;
}

const google::protobuf::RepeatedField<std::int64_t> &
contents(const inference::InferTensorContents &from, std::int64_t)
{
    return from.int64_contents();
}
const google::protobuf::RepeatedField<std::int32_t> &
contents(const inference::InferTensorContents &from, std::int32_t)
{
    return from.int_contents();
}

const google::protobuf::RepeatedField<float> &contents(const inference::InferTensorContents &from,
                                                       float)
{
    return from.fp32_contents();
}
const google::protobuf::RepeatedField<double> &contents(const inference::InferTensorContents &from,
                                                        double)
{
    return from.fp64_contents();
}
const google::protobuf::RepeatedPtrField<std::string> &
contents(const inference::InferTensorContents &from, const std::string &)
{
    return from.bytes_contents();
}

/// `count` texts, each behind its length; nothing when the bytes hold fewer or more.
std::optional<std::vector<std::string>> textsOf(std::string_view raw, std::size_t count)
{
    std::vector<std::string> out;
    while (raw.size() >= sizeof(std::uint32_t) && out.size() < count) {
        std::uint32_t length = 0;
        std::memcpy(&length, raw.data(), sizeof length);
        raw.remove_prefix(sizeof length);
        if (length > raw.size())
            return std::nullopt;
        out.emplace_back(raw.substr(0, length));
        raw.remove_prefix(length);
    }
    if (!raw.empty() || out.size() != count)
        return std::nullopt;
    return out;
}

template <class T>
Result<TensorOf<T>> read(const inference::ModelInferRequest &request, std::string_view name,
                         std::string_view datatype)
{
    int index = 0;
    for (; index < request.inputs_size(); ++index) {
        if (request.inputs(index).name() == name)
            break;
    }
    if (index == request.inputs_size())
        return wrong(name, fmt::format("is missing; send it as {}", datatype));
    const auto &input = request.inputs(index);
    if (input.datatype() != datatype)
        return wrong(name, fmt::format("must be {}, not \"{}\"", datatype, input.datatype()));
    if (!holdsOnly(input.contents(), datatype))
        return wrong(name, fmt::format("holds values of another type beside {}; send those of its "
                                       "datatype alone",
                                       datatype));
    const auto count = valuesOf(input.shape());
    if (!count)
        return wrong(name, fmt::format("has the shape [{}]; sizes must not be negative and at most "
                                       "{} values are taken",
                                       fmt::join(input.shape(), ", "), kMostValues));
    TensorOf<T> out;
    out.shape.assign(input.shape().begin(), input.shape().end());
    const auto size = static_cast<std::size_t>(*count);
    if (request.raw_input_contents_size() > 0) {
        if (input.has_contents() || request.raw_input_contents_size() != request.inputs_size())
            return wrong(name,
                         fmt::format("is mixed: {} raw contents for {} inputs; send all "
                                     "inputs raw or all typed",
                                     request.raw_input_contents_size(), request.inputs_size()));
        const auto &raw = request.raw_input_contents(index);
        if constexpr (std::is_same_v<T, std::string>) {
            auto texts = textsOf(raw, size);
            if (!texts)
                return wrong(name,
                             fmt::format("has {} raw bytes that are not {} texts, each behind "
                                         "its length in four bytes",
                                         raw.size(), size));
            out.values = std::move(*texts);
            return out;
        } else {
            if (raw.size() != size * sizeof(T))
                return wrong(name, fmt::format("has {} raw bytes; its shape needs {}", raw.size(),
                                               size * sizeof(T)));
            out.values.resize(size);
            if (size > 0)
                std::memcpy(out.values.data(), raw.data(), raw.size());
            return out;
        }
    }
    const auto &typed = contents(input.contents(), T{});
    if (static_cast<std::size_t>(typed.size()) != size)
        return wrong(name, fmt::format("has {} values; its shape needs {}", typed.size(), size));
    out.values.assign(typed.begin(), typed.end());
    return out;
}

bool contains(std::span<const std::string_view> names, std::string_view name)
{
    return std::find(names.begin(), names.end(), name) != names.end();
}

/// Of a request, of a reply, or of a model's metadata: name, type and shape are set alike.
template <class Tensor>
Tensor &set(Tensor &tensor, std::string_view name, std::string_view datatype,
            std::span<const std::int64_t> shape)
{
    tensor.set_name(std::string(name));
    tensor.set_datatype(std::string(datatype));
    tensor.mutable_shape()->Add(shape.begin(), shape.end());
    return tensor;
}

inference::InferTensorContents &newInput(inference::ModelInferRequest &request,
                                         std::string_view name, std::string_view datatype,
                                         std::initializer_list<std::int64_t> shape)
{
    return *set(*request.add_inputs(), name, datatype, shape).mutable_contents();
}

} // namespace

Result<TensorOf<std::int64_t>> int64Input(const inference::ModelInferRequest &request,
                                          std::string_view name)
{
    return read<std::int64_t>(request, name, "INT64");
}

Result<TensorOf<std::int32_t>> int32Input(const inference::ModelInferRequest &request,
                                          std::string_view name)
{
    return read<std::int32_t>(request, name, "INT32");
}

bool holdsOnly(const inference::InferTensorContents &contents, std::string_view datatype)
{
    const auto is = [datatype](auto... types) { return ((datatype == types) || ...); };
    return (contents.bool_contents().empty() || is("BOOL"))
           && (contents.int_contents().empty() || is("INT8", "INT16", "INT32"))
           && (contents.int64_contents().empty() || is("INT64"))
           && (contents.uint_contents().empty() || is("UINT8", "UINT16", "UINT32"))
           && (contents.uint64_contents().empty() || is("UINT64"))
           && (contents.fp32_contents().empty() || is("FP32"))
           && (contents.fp64_contents().empty() || is("FP64"))
           && (contents.bytes_contents().empty() || is("BYTES"));
}

Result<TensorOf<std::string>> textInput(const inference::ModelInferRequest &request,
                                        std::string_view name)
{
    return read<std::string>(request, name, "BYTES");
}

Result<TensorOf<float>> floatInput(const inference::ModelInferRequest &request,
                                   std::string_view name)
{
    return read<float>(request, name, "FP32");
}

Result<TensorOf<double>> doubleInput(const inference::ModelInferRequest &request,
                                     std::string_view name)
{
    return read<double>(request, name, "FP64");
}

bool hasInput(const inference::ModelInferRequest &request, std::string_view name)
{
    return std::any_of(request.inputs().begin(), request.inputs().end(),
                       [name](const auto &input) { return input.name() == name; });
}

Result<> checkInputs(const inference::ModelInferRequest &request,
                     std::span<const std::string_view> known)
{
    for (int i = 0; i < request.inputs_size(); ++i) {
        const auto &name = request.inputs(i).name();
        if (!contains(known, name))
            return wrong(name,
                         fmt::format("is unknown; this model takes {}", fmt::join(known, ", ")));
        for (int j = 0; j < i; ++j) {
            if (request.inputs(j).name() == name)
                return wrong(name, "is there twice");
        }
    }
    return {};
}

Result<> checkOutputs(const inference::ModelInferRequest &request,
                      std::span<const std::string_view> known)
{
    for (const auto &output : request.outputs()) {
        if (!contains(known, output.name()))
            return fail(ErrorCode::InvalidInput,
                        fmt::format("Output \"{}\" is unknown; this model gives {}", output.name(),
                                    fmt::join(known, ", ")));
    }
    return {};
}

bool wantsOutput(const inference::ModelInferRequest &request, std::string_view name)
{
    return request.outputs().empty()
           || std::any_of(request.outputs().begin(), request.outputs().end(),
                          [name](const auto &output) { return output.name() == name; });
}

void addOutput(inference::ModelInferResponse &reply, bool raw, std::string_view name,
               std::span<const std::int64_t> shape, std::span<const std::int64_t> values)
{
    auto &output = set(*reply.add_outputs(), name, "INT64", shape);
    if (raw)
        reply.add_raw_output_contents(values.data(), values.size_bytes());
    else
        output.mutable_contents()->mutable_int64_contents()->Add(values.begin(), values.end());
}

void addOutput(inference::ModelInferResponse &reply, bool raw, std::string_view name,
               std::span<const std::int64_t> shape, std::span<const float> values)
{
    auto &output = set(*reply.add_outputs(), name, "FP32", shape);
    if (raw)
        reply.add_raw_output_contents(values.data(), values.size_bytes());
    else
        output.mutable_contents()->mutable_fp32_contents()->Add(values.begin(), values.end());
}

void addOutput(inference::ModelInferResponse &reply, bool raw, std::string_view name,
               std::span<const std::int64_t> shape, std::span<const double> values)
{
    auto &output = set(*reply.add_outputs(), name, "FP64", shape);
    if (raw)
        reply.add_raw_output_contents(values.data(), values.size_bytes());
    else
        output.mutable_contents()->mutable_fp64_contents()->Add(values.begin(), values.end());
}

void addOutput(inference::ModelInferResponse &reply, bool raw, std::string_view name,
               std::span<const std::int64_t> shape, std::span<const std::string> values)
{
    auto &output = set(*reply.add_outputs(), name, "BYTES", shape);
    if (!raw) {
        for (const auto &value : values)
            output.mutable_contents()->add_bytes_contents(value);
        return;
    }
    auto &bytes = *reply.add_raw_output_contents();
    for (const auto &value : values) {
        const auto length = static_cast<std::uint32_t>(value.size());
        bytes.append(reinterpret_cast<const char *>(&length), sizeof length);
        bytes += value;
    }
}

void addInput(inference::ModelInferRequest &request, std::string_view name,
              std::initializer_list<std::int64_t> shape, std::span<const std::int32_t> values)
{
    newInput(request, name, "INT32", shape)
        .mutable_int_contents()
        ->Add(values.begin(), values.end());
}

void addInput(inference::ModelInferRequest &request, std::string_view name,
              std::initializer_list<std::int64_t> shape, std::span<const float> values)
{
    newInput(request, name, "FP32", shape)
        .mutable_fp32_contents()
        ->Add(values.begin(), values.end());
}

void addInput(inference::ModelInferRequest &request, std::string_view name,
              std::initializer_list<std::int64_t> shape, std::span<const double> values)
{
    newInput(request, name, "FP64", shape)
        .mutable_fp64_contents()
        ->Add(values.begin(), values.end());
}

void addInput(inference::ModelInferRequest &request, std::string_view name,
              std::initializer_list<std::int64_t> shape, std::span<const std::string> values)
{
    auto &contents = newInput(request, name, "BYTES", shape);
    for (const auto &value : values)
        contents.add_bytes_contents(value);
}

void describeTensor(inference::ModelMetadataResponse::TensorMetadata &tensor, std::string_view name,
                    std::string_view datatype, std::initializer_list<std::int64_t> shape)
{
    set(tensor, name, datatype, shape);
}

} // namespace engine
