#pragma once
// The two inner loops of matrix factorisation, written so that a reply has the same bits in a batch
// of 64, alone, offline, live, and on every x86-64: each sum has one fixed order, and the AVX2 form
// multiplies and adds separately like the plain one. LibTorch's mv and mm differ from each other in
// the last bits for most items, which would let paired quality drift from 1.000 (README, table).

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace engine {

/// Item factors in panels of 16 items, so that one shopper's factors meet 16 items per step.
/// Immutable; any thread.
class ItemPanels
{
public:
    /// Copies row-major [items, factors].
    ItemPanels(std::span<const float> rows, std::size_t items, std::size_t factors);

    [[nodiscard]] std::size_t items() const { return m_items; }
    [[nodiscard]] std::size_t factors() const { return m_factors; }
    [[nodiscard]] std::size_t stride() const
    {
        return m_panels * kWidth;
    } ///< floats per output row
    /// out[s * stride() + i] = shoppers[s] . item i; `out` has shoppers * stride() floats.
    void product(std::span<const float> shoppers, std::span<float> out) const;
    /// out.size() of one item's factors, from number `first` on, for fold-in.
    void row(std::size_t item, std::span<float> out, std::size_t first = 0) const;

    static constexpr std::size_t kWidth = 16;

private:
    std::size_t m_items, m_factors, m_panels;
    std::vector<float> m_data; ///< [panel][factor][item in panel]; the tail of the last is 0
};

/// Solves (gram + ridge I + sum v v^T) u = sum v for one shopper: `gram` [d, d] already holds
/// alpha0 V^T V, `rows` [count, d] are the items of the history. `work` is scratch. False when the
/// matrix is not positive definite.
[[nodiscard]] bool foldIn(std::span<const float> rows, std::size_t factors,
                          std::span<const double> gram, double ridge, std::span<float> out,
                          std::vector<double> &work);

/// The same with a diagonal shared part and a weight per item: (diag(shared) + sum w v v^T) u =
/// sum w v. A history shorter than the factors costs a system of its own length.
[[nodiscard]] bool foldInDiagonal(std::span<const float> rows, std::size_t factors,
                                  std::span<const double> weights, std::span<const double> shared,
                                  std::span<float> out, std::vector<double> &work);

} // namespace engine
