#include "engine/training/sequence/sequence_net.h"

#include <ATen/ops/dropout.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>

namespace engine {
namespace {

constexpr std::uint64_t kStartStream = 0x5E90'0002;
constexpr std::size_t kPartsPerBlock = 12;
enum Place : std::size_t { kItems, kPositions, kMask, kNormWeight, kNormBias, kFirstBlock };

} // namespace

at::Tensor Dropper::operator()(const at::Tensor &x, double p)
{
    // Eight draws from 64 bits: p is rounded to 1/256, and the scale fits what is really kept.
    const auto dropped = static_cast<unsigned>(std::lround(p * 256));
    if (dropped == 0)
        return x;
    if (!x.device().is_cpu())
        return at::dropout(x, p, true);
    auto mask = at::empty(x.sizes(), x.options().requires_grad(false));
    float *out = mask.data_ptr<float>();
    const auto count = mask.numel();
    const float kept = 256.0f / static_cast<float>(256 - dropped);
    for (std::int64_t i = 0; i < count; i += 8) {
        auto bits = m_random.bits();
        const auto end = std::min<std::int64_t>(8, count - i);
        for (std::int64_t j = 0; j < end; ++j, bits >>= 8)
            out[i + j] = (bits & 255u) < dropped ? 0.0f : kept;
    }
    return x.mul(mask);
}

SequenceNet::SequenceNet(std::uint32_t items, const SequenceOptions &options,
                         std::uint32_t attributes)
    : m_factors(options.factors), m_heads(options.heads), m_blocks(options.blocks),
      m_dropout(options.dropout), m_itemDropout(options.itemDropout)
{
    const auto d = m_factors;
    const std::int64_t f = options.feedForward;
    add("items", {items, d});
    add("positions", {options.length, d});
    add("mask", {d});
    add("norm.weight", {d});
    add("norm.bias", {d});
    for (int b = 0; b < m_blocks; ++b) {
        const auto name = "block" + std::to_string(b) + ".";
        add(name + "norm1.weight", {d});
        add(name + "norm1.bias", {d});
        add(name + "attention.weight", {3 * d, d}); // queries, keys, values
        add(name + "attention.bias", {3 * d});
        add(name + "out.weight", {d, d});
        add(name + "out.bias", {d});
        add(name + "norm2.weight", {d});
        add(name + "norm2.bias", {d});
        add(name + "wide.weight", {f, d});
        add(name + "wide.bias", {f});
        add(name + "narrow.weight", {d, f});
        add(name + "narrow.bias", {d});
    }
    if (attributes > 0)
        add("attributes", {attributes, d});
}

void SequenceNet::add(std::string name, std::vector<std::int64_t> shape)
{
    std::int64_t count = 1;
    for (const auto size : shape)
        count *= size;
    m_parts.push_back({std::move(name), std::move(shape), m_size, count});
    m_size += (count + 15) / 16 * 16; // 64 bytes: products run fastest on aligned rows
}

at::Tensor SequenceNet::start(std::uint64_t seed) const
{
    auto flat = at::zeros({m_size});
    float *data = flat.data_ptr<float>();
    std::uint64_t number = 0;
    for (const auto &part : m_parts) {
        Random random(seed, kStartStream, number++ << 40);
        const bool isNorm = part.name.find("norm") != std::string::npos;
        const bool isBias = part.name.ends_with(".bias");
        // Xavier for the layers; the tables start small.
        const double scale =
            part.name.ends_with(".weight") && !isNorm
                ? std::sqrt(2.0 / static_cast<double>(part.shape[0] + part.shape[1]))
                : 0.02;
        for (std::int64_t i = 0; i < part.count; ++i)
            data[part.offset + i] = isBias   ? 0.0f
                                    : isNorm ? 1.0f
                                             : static_cast<float>(random.normal() * scale);
    }
    return flat;
}

std::vector<at::Tensor> SequenceNet::views(const at::Tensor &flat) const
{
    std::vector<at::Tensor> views;
    for (const auto &part : m_parts)
        views.push_back(flat.narrow(0, part.offset, part.count).view(part.shape));
    return views;
}

at::Tensor SequenceNet::encode(const std::vector<at::Tensor> &w, const at::Tensor &rows,
                               Dropper *drop, const Masked *masked) const
{
    const auto dropped = [&](const at::Tensor &x, double p) { return drop ? (*drop)(x, p) : x; };
    const auto batch = rows.size(0), length = rows.size(1), d = m_factors;
    auto x = masked ? at::where(masked->hidden, w[kMask], rows) : rows;
    x = x.mul(std::sqrt(static_cast<double>(d))).add(w[kPositions].narrow(0, 0, length));
    x = dropped(x, m_itemDropout);
    for (int b = 0; b < m_blocks; ++b) {
        const auto *p = w.data() + kFirstBlock + static_cast<std::size_t>(b) * kPartsPerBlock;
        const auto qkv = at::linear(at::layer_norm(x, {d}, p[0], p[1]), p[2], p[3])
                             .view({batch, length, 3, m_heads, d / m_heads})
                             .permute({2, 0, 3, 1, 4});
        const auto attended =
            masked ? at::scaled_dot_product_attention(qkv[0], qkv[1], qkv[2], masked->keys)
                   : at::scaled_dot_product_attention(qkv[0], qkv[1], qkv[2], {}, 0.0, true);
        x = x.add(
            dropped(at::linear(attended.transpose(1, 2).reshape({batch, length, d}), p[4], p[5]),
                    m_dropout));
        const auto wide = at::relu(at::linear(at::layer_norm(x, {d}, p[6], p[7]), p[8], p[9]));
        x = x.add(dropped(at::linear(dropped(wide, m_dropout), p[10], p[11]), m_dropout));
    }
    return at::layer_norm(x, {d}, w[kNormWeight], w[kNormBias]);
}

} // namespace engine
