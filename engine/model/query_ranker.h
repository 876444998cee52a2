#pragma once
// A model that answers search queries: text in, products of its own catalogue out, best first.
// engine/scoring implements it; nothing above sees an index or a tensor.

#include "engine/base/error.h"

#include <span>
#include <string>
#include <vector>

namespace engine {

struct RankedProducts
{
    std::vector<std::string> products; ///< outside ids, best first; ties by catalogue order
    std::vector<float> scores;         ///< of the same length, finite, never rising
};

/// Loaded from a verified package; immutable. Every call may come from several threads at once. A
/// query gets the same scores alone, in a batch, in rank() and in scores(), to the last bit.
class QueryRanker
{
public:
    virtual ~QueryRanker() = default;
    /// One list per query, at most k products each; a query that matches nothing gives an empty
    /// list. k >= 1.
    [[nodiscard]] virtual Result<std::vector<RankedProducts>>
    rank(std::span<const std::string> queries, int k) const = 0;
    /// The score of each given product for the query, also of those that rank() would not reach.
    /// Unknown ids get NaN.
    [[nodiscard]] virtual Result<std::vector<float>>
    scores(const std::string &query, std::span<const std::string> products) const = 0;
    /// The catalogue, in its order.
    [[nodiscard]] virtual std::span<const std::string> productIds() const = 0;
    [[nodiscard]] virtual std::string version() const = 0;
    [[nodiscard]] virtual std::string digest() const = 0; ///< SHA-256 of manifest.json, hex
    [[nodiscard]] virtual std::string family() const = 0;
};

} // namespace engine
