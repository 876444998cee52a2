#include "engine/model/popularity.h"

#include <algorithm>
#include <numeric>

namespace engine {

std::vector<std::int64_t> popularityCounts(const Dataset &data)
{
    std::vector<std::int64_t> counts(data.items, 0);
    constexpr std::size_t kNobody = SIZE_MAX;
    std::vector<std::size_t> lastShopper(data.items, kNobody);
    for (std::size_t shopper = 0; shopper < data.shoppers(); ++shopper) {
        for (const auto item : data.of(shopper)) {
            if (lastShopper[item] != shopper)
                ++counts[item];
            lastShopper[item] = shopper;
        }
    }
    return counts;
}

std::vector<std::uint32_t> popularityOrder(std::span<const std::int64_t> counts)
{
    std::vector<std::uint32_t> order(counts.size());
    std::iota(order.begin(), order.end(), 0u);
    std::stable_sort(order.begin(), order.end(),
                     [&](std::uint32_t a, std::uint32_t b) { return counts[a] > counts[b]; });
    return order;
}

std::string featureSchema(std::span<const std::string> itemIds)
{
    Hasher hasher;
    Writer count;
    count(static_cast<std::uint64_t>(itemIds.size()));
    hasher.add(count.bytes());
    for (const auto &id : itemIds) {
        // Length first, so that no two lists of names run together into the same bytes.
        Writer writer;
        writer(id);
        hasher.add(writer.bytes());
    }
    return hex(hasher.finish());
}

Result<std::string> writePopularityPackage(const std::filesystem::path &folder,
                                           const Dataset &train, Manifest manifest,
                                           const SigningKey &key)
{
    const auto counts = popularityCounts(train);
    manifest.family = "popularity";
    manifest.featureSchema = featureSchema(train.itemIds);
    const TensorSource source{
        "counts",
        "I64",
        {static_cast<std::int64_t>(counts.size())},
        {reinterpret_cast<const std::uint8_t *>(counts.data()), counts.size() * 8}};
    return writePackage(folder, manifest, {&source, 1}, key);
}

} // namespace engine
