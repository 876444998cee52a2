#pragma once
// Tensors of KServe v2 requests and replies, typed or raw, read without trusting a single number.

#include "engine/base/error.h"

#include "kserve.pb.h"

#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace engine {

/// The values of one input with its shape. Errors name the input and what it must be.
template <class T>
struct TensorOf
{
    std::vector<std::int64_t> shape;
    std::vector<T> values; ///< row-major; the product of the shape
};

[[nodiscard]] Result<TensorOf<std::int64_t>> int64Input(const inference::ModelInferRequest &request,
                                                        std::string_view name);
[[nodiscard]] Result<TensorOf<std::int32_t>> int32Input(const inference::ModelInferRequest &request,
                                                        std::string_view name);
/// BYTES: one text per value; raw ones carry their length in four bytes each (little-endian).
[[nodiscard]] Result<TensorOf<std::string>> textInput(const inference::ModelInferRequest &request,
                                                      std::string_view name);
[[nodiscard]] Result<TensorOf<float>> floatInput(const inference::ModelInferRequest &request,
                                                 std::string_view name);
[[nodiscard]] Result<TensorOf<double>> doubleInput(const inference::ModelInferRequest &request,
                                                   std::string_view name);
[[nodiscard]] bool hasInput(const inference::ModelInferRequest &request, std::string_view name);
/// No values of another type lie beside those of the datatype: whoever sends both means one of them
/// wrongly, and we cannot know which.
[[nodiscard]] bool holdsOnly(const inference::InferTensorContents &contents,
                             std::string_view datatype);
/// InvalidInput when there are inputs that are not in `known`, or one twice.
[[nodiscard]] Result<> checkInputs(const inference::ModelInferRequest &request,
                                   std::span<const std::string_view> known);
/// No outputs asked for means all; InvalidInput when one is asked for that is not in `known`.
[[nodiscard]] Result<> checkOutputs(const inference::ModelInferRequest &request,
                                    std::span<const std::string_view> known);
[[nodiscard]] bool wantsOutput(const inference::ModelInferRequest &request, std::string_view name);

/// A caller that sent raw bytes gets raw bytes back.
void addOutput(inference::ModelInferResponse &reply, bool raw, std::string_view name,
               std::span<const std::int64_t> shape, std::span<const std::int64_t> values);
void addOutput(inference::ModelInferResponse &reply, bool raw, std::string_view name,
               std::span<const std::int64_t> shape, std::span<const float> values);
void addOutput(inference::ModelInferResponse &reply, bool raw, std::string_view name,
               std::span<const std::int64_t> shape, std::span<const double> values);
void addOutput(inference::ModelInferResponse &reply, bool raw, std::string_view name,
               std::span<const std::int64_t> shape, std::span<const std::string> values);

/// For those who ask: an input with typed contents.
void addInput(inference::ModelInferRequest &request, std::string_view name,
              std::initializer_list<std::int64_t> shape, std::span<const std::int32_t> values);
void addInput(inference::ModelInferRequest &request, std::string_view name,
              std::initializer_list<std::int64_t> shape, std::span<const float> values);
void addInput(inference::ModelInferRequest &request, std::string_view name,
              std::initializer_list<std::int64_t> shape, std::span<const double> values);
void addInput(inference::ModelInferRequest &request, std::string_view name,
              std::initializer_list<std::int64_t> shape, std::span<const std::string> values);

/// A line of a model's metadata; -1 = any size.
void describeTensor(inference::ModelMetadataResponse::TensorMetadata &tensor, std::string_view name,
                    std::string_view datatype, std::initializer_list<std::int64_t> shape);

} // namespace engine
