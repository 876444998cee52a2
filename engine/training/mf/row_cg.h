#pragma once
// Solves many small ridge regressions by preconditioned conjugate gradients: with the factors of
// one side fixed and turned into the eigenvectors of their Gram matrix, row r wants
//   (diag(D_r) + sum over its entries z z^T) x = sum z,   D_r = alpha0 e + ridge_r
// so a step costs 4 L d, never d^2 (Takacs, Pilaszy, Tikk, "Applications of the conjugate gradient
// method for implicit feedback", RecSys 2011, with the shared part made diagonal). Rows are
// independent: the number of threads changes no bit. No LibTorch here.

#include "engine/training/mf/interactions.h"

#include <functional>
#include <stop_token>

namespace engine {

struct RowSystem
{
    const float *fixed = nullptr;             ///< [columns, width], in the eigenbasis
    std::size_t width = 0;                    ///< a multiple of 16, padded with zeros
    const float *shared = nullptr;            ///< alpha0 times the eigenvalues, [width]
    std::function<double(std::size_t)> ridge; ///< of a row with so many entries; above 0
    int steps = 3;
};

/// `x` [rows, width] holds where to start from and becomes the solution; rows without entries
/// become zero. False when stopped.
[[nodiscard]] bool solveRows(const SparseRows &rows, const RowSystem &system, float *x,
                             unsigned threads, const std::stop_token &stop);

} // namespace engine
