#pragma once
// Shoppers and what they did, oldest first, with items numbered from 0: the one form every importer
// gives and every trainer takes.

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace engine {

/// Item numbers of one shopper, oldest first. A value; items are dense in [0, items).
struct Dataset
{
    std::uint32_t items = 0;
    std::vector<std::string> itemIds;             ///< outside names, size `items`
    std::vector<std::string> itemTitles;          ///< size `items`, may hold empty strings
    std::vector<std::string> shopperIds;          ///< size = shoppers
    std::vector<std::uint64_t> offsets;           ///< size shoppers + 1
    std::vector<std::uint32_t> events;            ///< item numbers, shopper by shopper
    std::map<std::string, std::uint64_t> dropped; ///< reason -> lines, shown to the operator
    std::uint64_t linesRead = 0;
    bool synthetic = false;

    [[nodiscard]] std::size_t shoppers() const { return offsets.empty() ? 0 : offsets.size() - 1; }
    [[nodiscard]] std::span<const std::uint32_t> of(std::size_t shopper) const
    {
        return {events.data() + offsets[shopper], events.data() + offsets[shopper + 1]};
    }
};

/// One row of the fixed trace of live traffic: the shopper's first `h` events are known, `label`
/// comes next.
struct TraceRow
{
    std::uint32_t shopper = 0, h = 0, label = 0;
    float logNormaliser =
        0; ///< synthetic: log sum of exp(utility) given the first h events; else 0
};

} // namespace engine
