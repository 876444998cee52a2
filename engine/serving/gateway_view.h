#pragma once
// What a running gateway says of itself, asked from another process.

#include "engine/base/clock.h"
#include "engine/base/error.h"

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace engine {

/// {"settings": {...}, "on": {...}, "replicas": [...], "canary": {...}, "counts": {...}, "file",
/// "problem"}. Blocks up to `limit`; Unavailable when nobody answers at HOST:PORT.
[[nodiscard]] Result<nlohmann::ordered_json> askGatewayView(const std::string &address,
                                                            Micros limit);

} // namespace engine
