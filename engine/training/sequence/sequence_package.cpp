#include "engine/training/sequence/sequence_package.h"

#include "engine/model/popularity.h"
#include "engine/scoring/sequence_weights.h"
#include "engine/training/sequence/sequence_quantise.h"

#include <cstring>
#include <unordered_map>

namespace engine {
namespace {

template <class T>
Bytes bytesOf(std::span<const T> values)
{
    const auto *begin = reinterpret_cast<const std::uint8_t *>(values.data());
    return {begin, begin + values.size_bytes()};
}

/// Row of the package for each item of `train`, or -1.
Result<std::vector<std::int64_t>> rowsOf(const Package &package, const Dataset &train)
{
    std::vector<std::int64_t> rows(train.items, -1);
    const auto file = package.files.find("items.txt");
    if (file == package.files.end()) {
        if (package.manifest.featureSchema != featureSchema(train.itemIds))
            return fail(ErrorCode::InvalidInput,
                        "The package has no items.txt and was trained on other items");
        for (std::size_t i = 0; i < rows.size(); ++i)
            rows[i] = static_cast<std::int64_t>(i);
        return rows;
    }
    std::unordered_map<std::string, std::int64_t> known;
    const std::string_view text(reinterpret_cast<const char *>(file->second.data()),
                                file->second.size());
    for (std::size_t begin = 0; begin < text.size();) {
        const auto end = std::min(text.find('\n', begin), text.size());
        known.emplace(text.substr(begin, end - begin), static_cast<std::int64_t>(known.size()));
        begin = end + 1;
    }
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const auto at = known.find(train.itemIds[i]);
        rows[i] = at == known.end() ? -1 : at->second;
    }
    return rows;
}

} // namespace

Result<SequenceStart> startFrom(const Package &package, const Dataset &train,
                                SequenceOptions options)
{
    if (package.manifest.family != "sequence")
        return fail(ErrorCode::InvalidInput, "The package to start from is of the family \""
                                                 + package.manifest.family
                                                 + "\"; it must be a sequence model");
    const auto weights = SequenceWeights::read(package);
    if (!weights)
        return tl::unexpected(weights.error());
    const auto rows = rowsOf(package, train);
    if (!rows)
        return tl::unexpected(rows.error());
    options.factors = weights->factors;
    options.blocks = weights->blocks;
    options.heads = weights->heads;
    options.feedForward = weights->feedForward;
    options.length = weights->length;
    const SequenceNet net(train.items, options);
    SequenceStart start{options, net.start(options.seed), 0, 0};
    float *flat = start.flat.data_ptr<float>();
    for (const auto &part : net.parts()) {
        if (part.name != "items")
            std::memcpy(flat + part.offset, weights->parts.at(part.name).data(),
                        static_cast<std::size_t>(part.count) * sizeof(float));
    }
    const auto d = static_cast<std::size_t>(weights->factors);
    const auto &items = weights->parts.at("items");
    std::vector<float> mean(d, 0.0f);
    for (std::size_t i = 0; i < items.size(); ++i)
        mean[i % d] += items[i] / static_cast<float>(weights->items);
    std::size_t shared = 0;
    for (std::size_t i = 0; i < rows->size(); ++i) {
        const auto row = (*rows)[i];
        if (row >= static_cast<std::int64_t>(weights->items))
            return fail(ErrorCode::InvalidInput,
                        "items.txt of the package has more lines than it has items");
        float *to = flat + i * d;
        for (std::size_t k = 0; k < d; ++k)
            to[k] = row < 0 ? to[k] + mean[k] : items[static_cast<std::size_t>(row) * d + k];
        shared += row >= 0 ? 1 : 0;
    }
    if (shared == 0)
        return fail(ErrorCode::InvalidInput,
                    "The package to start from and the data share no item id");
    start.newItems = rows->size() - shared;
    start.lostItems = weights->items - shared;
    return start;
}

std::vector<OwnedTensor> packageTensors(const SequenceNet &net, const at::Tensor &flat,
                                        const Dataset &train, const SequenceOptions &options)
{
    std::vector<OwnedTensor> tensors;
    const float *data = flat.data_ptr<float>();
    for (const auto &part : net.parts()) {
        if (part.name == "attributes")
            continue; // within the items already
        const std::span values(data + part.offset, static_cast<std::size_t>(part.count));
        if (options.int8 && isQuantised(part.name, part.shape))
            addQuantised(tensors, part.name, part.shape, values);
        else
            tensors.push_back({part.name, "F32", part.shape, bytesOf(values)});
    }
    const auto counts = popularityCounts(train);
    tensors.push_back({"counts",
                       "I64",
                       {static_cast<std::int64_t>(counts.size())},
                       bytesOf(std::span<const std::int64_t>(counts))});
    orderForWriting(tensors);
    return tensors;
}

} // namespace engine
