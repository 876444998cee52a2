#pragma once
// The network: item embeddings with learned positions, pre-norm transformer blocks (attention, then
// a ReLU layer), a last normalisation; an item's score is its embedding times that output (Kang &
// McAuley, "Self-Attentive Sequential Recommendation", ICDM 2018, pre-norm and with tied
// embeddings). All weights are views of one flat tensor, so that the optimiser, clipping, averaging
// and checkpoints each are one operation. Stateless but for the layout; any thread.

#include "engine/base/random.h"
#include "engine/training/sequence/sequence_options.h"

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

namespace engine {

/// Named part of the flat weights; offsets are multiples of 16 floats.
struct NetPart
{
    std::string name;
    std::vector<std::int64_t> shape;
    std::int64_t offset = 0, count = 0;
};

/// Zeroes elements with probability p and scales the rest by 1/(1-p). On the CPU its own draws: the
/// library's take longer than the products beside them.
class Dropper
{
public:
    explicit Dropper(Random random) : m_random(random) {}
    [[nodiscard]] at::Tensor operator()(const at::Tensor &x, double p);

private:
    Random m_random;
};

class SequenceNet
{
public:
    /// `attributes`: how many there are, 0 for none.
    SequenceNet(std::uint32_t items, const SequenceOptions &options, std::uint32_t attributes = 0);

    [[nodiscard]] const std::vector<NetPart> &parts() const { return m_parts; }
    [[nodiscard]] std::int64_t size() const { return m_size; } ///< floats of the flat tensor
    [[nodiscard]] std::int64_t factors() const { return m_factors; }
    [[nodiscard]] std::int64_t items() const { return m_parts.front().shape[0]; }
    [[nodiscard]] at::Tensor start(std::uint64_t seed) const;
    /// Views of `flat`, in the order of parts(); the first is the item table [items, d], the last
    /// that of the attributes when there are some.
    [[nodiscard]] std::vector<at::Tensor> views(const at::Tensor &flat) const;
    [[nodiscard]] bool hasAttributes() const { return m_parts.back().name == "attributes"; }

    struct Masked
    {
        at::Tensor hidden; ///< bool [B, L, 1]: the mask's embedding stands in for the item
        at::Tensor keys;   ///< bool [B, 1, 1, L]: false for padding
    };
    /// Rows of the item table [B, L, d], padded on the right -> outputs [B, L, d]. Causal, so that
    /// padding is never seen; with `masked` every position sees every item. `drop` null: no
    /// dropout.
    [[nodiscard]] at::Tensor encode(const std::vector<at::Tensor> &views, const at::Tensor &rows,
                                    Dropper *drop, const Masked *masked = nullptr) const;

private:
    void add(std::string name, std::vector<std::int64_t> shape);

    std::int64_t m_factors, m_heads;
    int m_blocks;
    double m_dropout, m_itemDropout;
    std::vector<NetPart> m_parts;
    std::int64_t m_size = 0;
};

} // namespace engine
