#pragma once
// An application of a shop beside its recommendations, from nothing to a signed package that
// serves: data, model, labelled requests with what the model earns on each, and what the gateway
// says alone.

#include "app/train/shop_model.h"

namespace app {

/// `order.shop`: the folder, with its history and popularity; `application`: search, ads or
/// inventory. Search works on any catalogue with titles; the others are synthetic, so the shop must
/// be. Writes SHOP/applications/NAME whole or leaves nothing of use (no application.json). Blocks.
/// InvalidInput when the model earns no more than the gateway's own answers.
[[nodiscard]] engine::Result<> makeShopApplication(const ShopModelOrder &order,
                                                   const std::string &application,
                                                   const SayJson &say);

} // namespace app
