#pragma once
// One half of an alternating-least-squares epoch: with one side fixed, every row of the other side
// is a ridge regression of its own; rows of similar length are solved together in blocks bounded in
// memory. Blocks go to threads of ours and LibTorch itself runs on one: its own team spins at every
// small product, which cost 3 times as much beside other work (README); and so the number of
// threads changes no bit. Includes LibTorch: keep it out of headers that others include.

#include "engine/training/mf/interactions.h"

#include <ATen/core/Tensor.h>
#include <stop_token>

namespace engine {

struct Ridge
{
    double alpha0 = 0, lambda = 0, nu = 1;
};

class HalfStep
{
public:
    /// Plans the blocks for these rows once; the rows are borrowed and must outlive it.
    HalfStep(const SparseRows &rows, int factors);

    /// Call with at::set_num_threads(1). Solves all rows against `fixed` [columns + 1, d], whose
    /// last row is zero; writes `out` [rows
    /// (+1), d]. Rows without entries become zero. Throws c10::Error when a system is not positive
    /// definite. False when stopped.
    [[nodiscard]] bool solve(const at::Tensor &fixed, const Ridge &ridge, at::Tensor &out,
                             int threads, std::stop_token stop) const;

private:
    struct Block
    {
        std::vector<std::size_t> rows; ///< of similar length
        std::size_t longest = 0;
    };
    /// What all rows share: the fixed factors in the basis of their Gram matrix's eigenvectors,
    /// alpha0 times its eigenvalues, the way back.
    struct Side
    {
        at::Tensor rotated, values, back;
        Ridge ridge;
    };
    void solveBlock(const Block &block, const Side &side, at::Tensor &out) const;
    const SparseRows &m_rows;
    std::int64_t m_factors;
    std::vector<Block> m_blocks;
};

} // namespace engine
