#pragma once
// The last resort that always has an answer: the shop's most popular items, without what the
// shopper already had.

#include "engine/base/error.h"
#include "engine/serving/gateway_wire.h"

#include <filesystem>

namespace engine {

/// Immutable after open: any thread.
class PopularityList
{
public:
    explicit PopularityList(std::vector<std::uint32_t> items);
    [[nodiscard]] static Result<PopularityList> open(const std::filesystem::path &shop);
    /// One list per row of the request; scores fall from 1 by 1/k. Short shops repeat nothing: the
    /// rest of the row is -1 with score 0.
    void answer(const GatewayRequest &request, inference::ModelInferResponse &to) const;

private:
    std::vector<std::uint32_t> m_items;
};

} // namespace engine
