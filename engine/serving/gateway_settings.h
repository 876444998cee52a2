#pragma once
// The gateway's settings as a file: read, checked, described. The file's reference is gateway.md,
// its default resources/gateway.yaml (built in).

#include "engine/serving/gateway_options.h"

#include <nlohmann/json_fwd.hpp>
#include <string_view>

namespace engine {

/// What is not said keeps its default. InvalidInput: the place is file:line:column of the first
/// problem, the message names its rule and how many more there are.
[[nodiscard]] Result<GatewaySettings> parseGatewaySettings(std::string_view yaml,
                                                           std::string_view file);

/// Every value in the file's own words: {"retry": {"budget": "10 %", ...}, ...}.
[[nodiscard]] nlohmann::ordered_json describe(const GatewaySettings &settings);

/// The text of resources/gateway.yaml.
[[nodiscard]] std::string_view defaultGatewaySettings();

} // namespace engine
