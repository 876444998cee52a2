#pragma once
// What the gateway understands of a KServe v2 ModelInfer, and how it answers one.

#include "engine/base/clock.h"
#include "engine/proto/kserve.pb.h"
#include "engine/serving/gateway_queue.h"

#include <grpc/support/time.h>
#include <grpcpp/support/status.h>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace engine {

/// A request for `recommend`: histories in it (rows padded with -1), or a shopper and how many of
/// the shopper's events are known.
struct GatewayRequest
{
    bool byShopper = false;
    std::uint32_t shopper = 0, h = 0;
    std::int64_t rows = 0, columns = 0;
    std::vector<std::int64_t> history; ///< [rows * columns]
    std::int32_t k = 0;
    std::string application; ///< empty: recommend; else its inputs go on as they are
    bool raw = false;        ///< it came as raw bytes: the answer goes as raw bytes
    Priority priority = Priority::Recommendation; ///< request parameter "priority"
    std::optional<Micros> timeout; ///< request parameter "timeout" (as in Triton): wanted within
};

/// NOT_FOUND unless the gateway serves it, and is left to choose the version.
[[nodiscard]] grpc::Status checkName(const std::string &model, const std::string &version,
                                     bool isServed);
/// INVALID_ARGUMENT or NOT_FOUND with the field, the rule and what to send.
[[nodiscard]] grpc::Status readInfer(const inference::ModelInferRequest &from, GatewayRequest &to);

/// Of a request for another application: what the gateway itself needs of it.
[[nodiscard]] grpc::Status readApplication(const inference::ModelInferRequest &from,
                                           GatewayRequest &to);

/// The form that replicas take: history [rows, columns] and k, typed contents.
void writeInfer(const GatewayRequest &from, std::string_view model,
                inference::ModelInferRequest &to);

/// Lists of items with scores as outputs of a reply; `items` and `scores` are [rows * k].
void writeLists(std::span<const std::int64_t> items, std::span<const float> scores,
                std::int64_t rows, std::int32_t k, inference::ModelInferResponse &to);

/// Whether a replica's reply has `rows` lists of `k` items with scores.
[[nodiscard]] bool isComplete(const inference::ModelInferResponse &reply, std::int64_t rows,
                              std::int32_t k);
/// Moves typed contents of the outputs into raw_output_contents.
void makeRaw(inference::ModelInferResponse &reply);

void setText(inference::ModelInferResponse &reply, const std::string &name, std::string value);
[[nodiscard]] std::string textOf(const inference::ModelInferResponse &reply,
                                 const std::string &name);

/// gRPC takes its deadlines on the monotonic clock: the same axis as ours.
[[nodiscard]] inline gpr_timespec grpcTime(MonoTime t)
{
    return {t.count() / 1'000'000, static_cast<std::int32_t>(t.count() % 1'000'000 * 1000),
            GPR_CLOCK_MONOTONIC};
}
/// None for "no deadline".
[[nodiscard]] std::optional<MonoTime> monoTime(gpr_timespec t);

inline constexpr std::string_view kRecommend = "recommend";
inline constexpr std::int32_t kMostK = 1000;

} // namespace engine
