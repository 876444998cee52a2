#pragma once
// How a KServe v2 server that is not ours wants to be asked: the name of its model and of its
// tensors, as its own ModelMetadata says, and what its answers look like in our form.

#include "engine/base/error.h"
#include "engine/proto/kserve.pb.h"

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace engine {

struct GatewayRequest;

/// A tensor of the other side: its name and its type (INT64, INT32, FP32, FP64).
struct TensorName
{
    std::string name, type;
};

/// Our own replicas speak the default. A plain value.
struct ModelDialect
{
    std::string model = "recommend";
    TensorName history{"history", "INT64"}; ///< [rows, events], padded with -1
    TensorName k{"k", "INT32"};             ///< [1]; an empty name: the server gives what it gives
    TensorName items{"items", "INT64"};     ///< [rows, k or more], best first
    TensorName scores{"scores", "FP32"};    ///< as items; an empty name: it gives none
    /// It has no grpc.health.v1: KServe's own ServerReady says whether it serves.
    bool asksServerReady = false;
};

/// Finds the tensors by their types and shapes: of the inputs the one of whole numbers with two
/// dimensions is the history (or the only one), a second one of whole numbers is k; of the outputs
/// the first of whole numbers is the items, the first of FP32 or FP64 the scores. InvalidInput says
/// what the model lacks.
[[nodiscard]] Result<ModelDialect> dialectOf(const inference::ModelMetadataResponse &metadata);

void writeInfer(const GatewayRequest &from, const ModelDialect &dialect,
                inference::ModelInferRequest &to);

/// Puts an answer into our form: outputs items INT64 and scores FP32, both [rows, k], typed, with
/// the parameters version and digest. Items beyond k are cut; scores that are missing fall from 0
/// by 1 a rank. False when the answer has too few items, or is of another type or shape.
[[nodiscard]] bool takeAnswer(const ModelDialect &dialect, std::int64_t rows, std::int32_t k,
                              inference::ModelInferResponse &reply);

[[nodiscard]] nlohmann::json toJson(const ModelDialect &dialect);
/// InvalidInput names the field.
[[nodiscard]] Result<ModelDialect> dialectFrom(const nlohmann::json &json);

} // namespace engine
