#pragma once
// A model of one shop, from the shop's history to a signed package in its registry: the first one
// of a new shop, one trained again, and one that is bad on purpose.

#include "engine/base/error.h"

#include <cstdint>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace app {

struct ShopModelOrder
{
    std::string shop, key; ///< the shop's folder, the signing key's file
    /// first: chosen by validation, gated, promoted. again: the settings of the model that serves
    /// as reference, on everything, gated, registered and not promoted. shuffled, under-trained:
    /// never gated, registered and not promoted (the fault model.bad-deploy).
    std::string as = "first";
    std::uint64_t seed = 1;
    std::int64_t timeLimit = 1800; ///< seconds; the best model so far is kept then
    int threads = 0;               ///< 0: all
};

/// One JSON object a line for whoever started us: {"what", "part"} while it works; {"step",
/// "version", "digest", "metrics"} when one of trained, evaluated, signed is over.
using SayJson = std::function<void(const nlohmann::json &)>;

/// Blocks. InvalidInput when the model does not pass its gate: it is registered all the same, as
/// one that did not.
[[nodiscard]] engine::Result<> makeShopModel(const ShopModelOrder &order, const SayJson &say);

} // namespace app
