#pragma once
// The embeddings of a click net while it learns: gathers the rows of a batch and takes their
// gradients back with Adagrad (Duchi et al., 2011). Work and memory of a step depend on the batch,
// not on the vocabulary. One thread.

#include "engine/training/ctr/click_rows.h"

namespace engine {

class EmbeddingTable
{
public:
    /// Rows of `dimension` + 1 floats; the last is the linear weight and starts at 0. `prior`: what
    /// Adagrad's sums of squares start with. At 0 the first gradient of a value moves it by the
    /// whole rate however seldom the value is, which learns the noise of rare ones.
    EmbeddingTable(std::size_t codes, std::size_t dimension, double prior, std::uint64_t seed);

    /// out[b, field, dimension + 1].
    void gather(const ClickRows &rows, std::span<const std::uint32_t> batch, float *out) const;
    /// sums[b, dimension + 1] of value * row, squares[b, dimension] of their squares.
    void gatherBags(const ClickRows &rows, std::span<const std::uint32_t> batch, float *sums,
                    float *squares) const;
    /// The gradients of what gather() gave; add both kinds, then step().
    void add(const ClickRows &rows, std::span<const std::uint32_t> batch, const float *gradient);
    void addBags(const ClickRows &rows, std::span<const std::uint32_t> batch, const float *sums,
                 const float *squares);
    void step(double rate, double decay);

    [[nodiscard]] std::vector<float> &values() { return m_values; }

private:
    [[nodiscard]] float *slot(std::uint32_t code);

    std::size_t m_width;
    std::vector<float> m_values, m_squares; ///< [codes, width]
    std::vector<std::int32_t> m_slot;       ///< by code: its place in m_gradient, or -1
    std::vector<std::uint32_t> m_touched;
    std::vector<float> m_gradient; ///< [touched, width]
};

} // namespace engine
