#include "engine/scoring/sequence_weights.h"

#include "engine/scoring/package_parts.h"
#include <cmath>
#include <cstring>

namespace engine {
namespace {

Result<int> setting(const Package &package, const char *name, int least, int most)
{
    const auto at = package.manifest.settings.find(name);
    if (at == package.manifest.settings.end() || !(at->second >= least && at->second <= most)
        || at->second != std::floor(at->second))
        return refuseModel("the setting " + std::string(name) + " is missing or out of range");
    return static_cast<int>(at->second);
}

template <class T>
std::vector<T> values(const Package &package, const TensorEntry &entry)
{
    std::vector<T> out(entry.bytes / sizeof(T));
    std::memcpy(out.data(), package.weights.data() + entry.offset, out.size() * sizeof(T));
    return out;
}

class PartReader
{
public:
    PartReader(const Package &package, SequenceWeights &weights)
        : m_package(package), m_weights(weights)
    {
    }
    /// Reads a part of the given shape; I8 only for matrices.
    Result<> take(const std::string &name, std::vector<std::int64_t> shape)
    {
        const auto *entry = m_package.find(name);
        if (entry == nullptr || entry->shape != shape)
            return refuseModel("the tensor " + name + " is missing or has another shape");
        auto &part = m_weights.parts[name];
        if (entry->dtype == "F32") {
            part = values<float>(m_package, *entry);
        } else if (entry->dtype == "I8" && shape.size() == 2) {
            const auto *scaleEntry = m_package.find(name + ".scale");
            if (scaleEntry == nullptr || scaleEntry->dtype != "F32"
                || scaleEntry->shape != std::vector<std::int64_t>{shape[0]})
                return refuseModel("the scales of " + name + " are missing");
            const auto bytes = values<std::int8_t>(m_package, *entry);
            const auto scales = values<float>(m_package, *scaleEntry);
            const auto width = static_cast<std::size_t>(shape[1]);
            part.resize(bytes.size());
            for (std::size_t i = 0; i < bytes.size(); ++i)
                part[i] = static_cast<float>(bytes[i]) * scales[i / width];
            if (name == "items") {
                m_weights.int8Items = true;
                m_weights.itemBytes = bytes;
                m_weights.itemScales = scales;
            }
        } else {
            return refuseModel("the tensor " + name + " is neither F32 nor I8");
        }
        for (const auto value : part) {
            if (!std::isfinite(value))
                return refuseModel("the tensor " + name + " holds NaN or infinity");
        }
        return {};
    }

private:
    const Package &m_package;
    SequenceWeights &m_weights;
};

} // namespace

Result<SequenceWeights> SequenceWeights::read(const Package &package)
{
    SequenceWeights weights;
    const auto *items = package.find("items");
    if (items == nullptr || items->shape.size() != 2 || items->shape[0] < 1
        || items->shape[0] > INT32_MAX)
        return refuseModel("family sequence needs the tensor items [n, d]");
    weights.items = static_cast<std::uint32_t>(items->shape[0]);
    int masked = 0;
    struct Wanted
    {
        const char *name;
        int least, most;
        int *value;
    };
    for (const auto &[name, least, most, value] :
         {Wanted{"factors", 1, 4096, &weights.factors}, Wanted{"blocks", 1, 64, &weights.blocks},
          Wanted{"heads", 1, 64, &weights.heads},
          Wanted{"feed-forward", 1, 65536, &weights.feedForward},
          Wanted{"length", 1, 65536, &weights.length}, Wanted{"masked", 0, 1, &masked}}) {
        auto read = setting(package, name, least, most);
        if (!read)
            return tl::unexpected(std::move(read.error()));
        *value = *read;
    }
    weights.masked = masked == 1;
    if (weights.factors % weights.heads != 0)
        return refuseModel("factors is no multiple of heads");
    const std::int64_t n = weights.items, d = weights.factors, f = weights.feedForward;
    PartReader reader(package, weights);
    DR_RETURN_IF_ERROR(reader.take("items", {n, d}));
    DR_RETURN_IF_ERROR(reader.take("positions", {weights.length, d}));
    for (const auto *name : {"mask", "norm.weight", "norm.bias"})
        DR_RETURN_IF_ERROR(reader.take(name, {d}));
    for (int b = 0; b < weights.blocks; ++b) {
        const auto block = "block" + std::to_string(b) + ".";
        for (const auto *name : {"norm1.weight", "norm1.bias", "norm2.weight", "norm2.bias",
                                 "out.bias", "narrow.bias"})
            DR_RETURN_IF_ERROR(reader.take(block + name, {d}));
        DR_RETURN_IF_ERROR(reader.take(block + "attention.weight", {3 * d, d}));
        DR_RETURN_IF_ERROR(reader.take(block + "attention.bias", {3 * d}));
        DR_RETURN_IF_ERROR(reader.take(block + "out.weight", {d, d}));
        DR_RETURN_IF_ERROR(reader.take(block + "wide.weight", {f, d}));
        DR_RETURN_IF_ERROR(reader.take(block + "wide.bias", {f}));
        DR_RETURN_IF_ERROR(reader.take(block + "narrow.weight", {d, f}));
    }
    const auto *counts = package.find("counts");
    if (counts == nullptr || counts->dtype != "I64"
        || counts->shape != std::vector<std::int64_t>{n})
        return refuseModel("the tensor counts I64 [n] is missing");
    for (const auto count : values<std::int64_t>(package, *counts))
        weights.counts.push_back(static_cast<float>(count));
    return weights;
}

} // namespace engine
