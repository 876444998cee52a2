#include "engine/store/store_seed.h"

#include <algorithm>
#include <fmt/format.h>

namespace engine {

Result<StoreSeed> storeSeed(const Dataset &data, const std::vector<TraceRow> &trace)
{
    std::vector<std::uint32_t> known(data.shoppers(), 0);
    std::vector<bool> isLive(data.shoppers(), false);
    for (const auto &row : trace) {
        if (row.shopper >= data.shoppers() || row.h > data.of(row.shopper).size())
            return fail(ErrorCode::InvalidInput,
                        fmt::format("The trace names event {} of shopper {}, which the shop's "
                                    "history does not have; create the shop again",
                                    row.h, row.shopper));
        known[row.shopper] = std::max(known[row.shopper], row.h);
        isLive[row.shopper] = true;
    }
    StoreSeed seed;
    seed.items = data.items;
    seed.offsets.reserve(data.shoppers() + 1);
    seed.events.reserve(data.events.size());
    for (std::size_t shopper = 0; shopper < data.shoppers(); ++shopper) {
        auto events = data.of(shopper);
        if (isLive[shopper])
            events = events.first(known[shopper]);
        seed.events.insert(seed.events.end(), events.begin(), events.end());
        seed.offsets.push_back(seed.events.size());
    }
    return seed;
}

} // namespace engine
