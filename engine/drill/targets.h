#pragma once
// The names that drills aim at in a shop.

#include "engine/drill/drill.h"

namespace engine {

/// What all replicas together are called.
inline constexpr std::string_view kWholeShop = "shop";
/// gateway, store, replica/1 ... standby/1. Traffic is the meter and is no target.
[[nodiscard]] std::vector<std::string> processesOf(const ShopNeed &shop);
/// traffic->gateway, gateway->replica/1 ...
[[nodiscard]] std::vector<std::string> edgesOf(const ShopNeed &shop);
/// The built-in responses that a run can switch off, as in Switches::set.
[[nodiscard]] const std::vector<std::string> &switchableResponses();

} // namespace engine
