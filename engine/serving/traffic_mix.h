#pragma once
// Which application the next request of a mixed load is for, and which of its requests, from the
// seed alone.

#include "engine/base/random.h"

#include <optional>
#include <vector>

namespace engine {

/// Each application's requests come in a shuffled order, every one once per pass. Without other
/// applications nothing is drawn. One thread.
class TrafficMix
{
public:
    struct Part
    {
        double share = 0; ///< of all requests; what is left of 1 is recommend's
        std::size_t rows = 0;
    };
    struct Pick
    {
        std::size_t part = 0, row = 0;
    };
    TrafficMix(const std::vector<Part> &parts, std::uint64_t seed);
    /// None: the next request is recommend's.
    [[nodiscard]] std::optional<Pick> next();

private:
    struct Order
    {
        double upTo = 0; ///< cumulative share
        Random random;
        std::vector<std::uint32_t> rows;
        std::size_t at = 0;
    };
    static void shuffle(Order &order);
    Random m_random;
    std::vector<Order> m_orders;
};

} // namespace engine
