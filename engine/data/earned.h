#pragma once
// What a reply is worth (contracts 4.5): the same formula offline (expected) and live (earned).

#include "engine/data/dataset.h"
#include "engine/data/shop_files.h"

#include <memory>

namespace engine {

/// Scores top-10 lists. Real data: NDCG@10 of the one label, 1/log2(1 + rank). Synthetic shop: sum
/// over the list of P(item | history)/log2(1 + rank) with the generator's exact probabilities.
/// Immutable after open: any thread.
class Earned
{
public:
    virtual ~Earned() = default;
    [[nodiscard]] virtual double quality(const TraceRow &row,
                                         std::span<const std::int64_t> items) const = 0;
    /// NDCG@10 against the drawn label, for the plain series.
    [[nodiscard]] static double ndcg10(std::uint32_t label, std::span<const std::int64_t> items);

    [[nodiscard]] static Result<std::unique_ptr<Earned>>
    open(const std::filesystem::path &shopFolder, const ShopInfo &info);
};

} // namespace engine
