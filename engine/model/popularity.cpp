#include "engine/model/popularity.h"

namespace engine {

std::vector<std::int64_t> popularityCounts(const Dataset &data)
{
    std::vector<std::int64_t> counts(data.items, 0);
    for (const auto item : data.events)
        ++counts[item];
    return counts;
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
