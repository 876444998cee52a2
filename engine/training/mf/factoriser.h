#pragma once
// Implicit alternating least squares by conjugate gradients (row_cg.h): the loss of ials.h, for
// larger matrices than its exact solver is meant for. One thread calls; LibTorch runs on one thread
// and the rest are ours, so that their number changes no bit. An epoch leaves both sides turned by
// one rotation, the eigenvectors of the last Gram matrix with the largest first: no product of a
// shopper with an item knows of it, and turning back would cost as much as turning.

#include "engine/training/mf/factor_training.h"
#include "engine/training/mf/half_step.h"

namespace engine {

class Factoriser final : public FactorTraining
{
public:
    /// `rows` is borrowed and must outlive it. Factors are padded with zeros to a multiple of 16.
    Factoriser(const SparseRows &rows, int factors, const Ridge &ridge, int cgSteps,
               std::uint64_t seed, unsigned threads);

    /// Shoppers given items, then items given shoppers.
    [[nodiscard]] bool epoch(const std::stop_token &stop) override;

private:
    [[nodiscard]] bool half(const SparseRows &rows, at::Tensor &fixed, at::Tensor &out,
                            const std::stop_token &stop) const;
    const SparseRows &m_rows;
    SparseRows m_columns;
    std::int64_t m_width;
    Ridge m_ridge;
    int m_steps;
    unsigned m_threads;
};

} // namespace engine
