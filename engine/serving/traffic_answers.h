#pragma once
// What is asked of the applications beside recommend, and what their replies are worth.

#include "engine/proto/kserve.pb.h"
#include "engine/serving/traffic.h"

#include <optional>

namespace engine {

/// The request of a row, as a client would send it.
void ask(const ApplicationTrace &trace, std::size_t row, inference::ModelInferRequest &to);
/// Against the label of the row; nothing when the reply lacks what was asked for.
[[nodiscard]] std::optional<double> worthOf(const ApplicationTrace &trace, std::size_t row,
                                            const inference::ModelInferResponse &reply);

} // namespace engine
